-- A room is made.
-- KEYS: record, members, cursors
-- ARGV: its owner and first member, or nothing; fields of the record and their values
-- Answers NEW; OLD: there is one already, or one that is not quite gone yet.
if redis.call('EXISTS', KEYS[1]) == 1 then return 'OLD' end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
if ARGV[1] ~= '' then
  redis.call('SADD', KEYS[2], ARGV[1])
  redis.call('HSET', KEYS[3], ARGV[1], '0')
end
return 'NEW'
