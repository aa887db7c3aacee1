-- A room is made. Its seq begins with the time, so that it goes on above that of one that was
-- deleted: somebody may still hear that one.
-- KEYS: record, members, cursors
-- ARGV: its owner and first member, or nothing; fields of the record and their values
-- Answers NEW; OLD: there is one already, or one that is not quite gone yet.
if redis.call('EXISTS', KEYS[1]) == 1 then return 'OLD' end
local now = redis.call('TIME')
local seq = string.format('%d', now[1] * 1000 + math.floor(now[2] / 1000))
redis.call('HSET', KEYS[1], 'seq', seq, unpack(ARGV, 2))
if ARGV[1] ~= '' then
  redis.call('SADD', KEYS[2], ARGV[1])
  redis.call('HSET', KEYS[3], ARGV[1], seq)
end
return 'NEW'
