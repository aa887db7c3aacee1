-- Makes the record of a user, room or dialog where there is none.
-- KEYS: profile or record
-- ARGV: num, field, value, ...
-- Answers num, uuid and name of whoever is there now.
if redis.call('HSETNX', KEYS[1], 'num', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 2))
end
return redis.call('HMGET', KEYS[1], 'num', 'uuid', 'name')
