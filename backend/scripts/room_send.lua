-- A message for a room: rights, dedupe, stamp, append and trim, publish.
-- KEYS: log, messages, record, members, bans, reactions, and where there is something to dedupe
--   by, sent:<hash>
-- ARGV: as inbox_push, but 3 how many the log holds, 6 sender; empty: the
--   server, which may
-- Answers as inbox_push, but for FULL and STALE; NOROOM; BANNED; NOTMEMBER.
local call = redis.call
local list, messages, counters, reactions, sent = KEYS[1], KEYS[2], KEYS[3], KEYS[6], KEYS[7]
local known, current = false, false
local counter = call('HMGET', counters, 'seq', 'block', 'n', 'day', ARGV[9], 'epoch', 'num', 'public', 'keep')
if not counter[7] then return 'NOROOM' end
if ARGV[6] ~= '' then
  if call('SISMEMBER', KEYS[5], ARGV[6]) == 1 then return 'BANNED' end
  if counter[8] ~= '1' and call('SISMEMBER', KEYS[4], ARGV[6]) == 0 then return 'NOTMEMBER' end
end
local stored = ARGV[8] == '1' and counter[9] == 'log'
-- include allocate
-- include append
-- include publish
