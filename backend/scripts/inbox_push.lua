-- A message for one user: dedupe, stamp, push, publish.
-- KEYS: unread, unread:messages, inbox, and where there is something to dedupe by, sent:<hash>;
--   of a message with an id already, sent:<id>
-- ARGV: 1 the envelope's rest, 2 channel, 3 how many the inbox holds, 4 seconds that it is kept,
--   5 today (days since the epoch), 6 entries are kept from this day on, 7 milliseconds for
--   which a repeated send is known, 8 '1': stored, 9 this node's wait field, 10 the
--   epoch, and where the message stands in a dialog's log, its id there; the last one: a fresh
--   block
-- Answers "id seq"; "=id seq" of a repeated send; FULL; NOBLOCK: call again with a block;
-- STALE: call again with '0' when old entries were taken out.
local call = redis.call
local list, messages, counters, sent = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local stored = ARGV[8] == '1'
local known, current = #ARGV > 11 and ARGV[11], false
local counter = call('HMGET', counters, 'seq', 'block', 'n', 'day', ARGV[9], 'epoch')
-- include allocate
local length
if stored then
  length = call('RPUSH', list, id)
  if length > tonumber(ARGV[3]) then
    call('RPOP', list)
    if sent then call('DEL', sent) end
    local old = call('HGET', counters, 'old')
    if old and tonumber(old) < tonumber(ARGV[6]) then
      call('HSET', counters, ARGV[9], '1')
      return 'STALE'
    end
    return 'FULL'
  end
  call('HSET', messages, id, line)
end
-- include publish
