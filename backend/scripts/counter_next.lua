-- The next numbers of a counter. In a new term (epoch.h) so many are left out as may have been
-- given out and forgotten.
-- KEYS: counter, its epoch
-- ARGV: how many are left out, how many are taken, the epoch
-- Answers the last of them.
if (redis.call('GET', KEYS[2]) or '0000000000000') < ARGV[3] then
  redis.call('SET', KEYS[2], ARGV[3])
  redis.call('INCRBY', KEYS[1], ARGV[1])
end
return redis.call('INCRBY', KEYS[1], ARGV[2])
