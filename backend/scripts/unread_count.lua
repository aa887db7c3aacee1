-- How many messages of a log a user has not read.
-- KEYS: list, messages, read
-- ARGV: user
-- include purge
local length = redis.call('LLEN', KEYS[1])
local cursor = redis.call('HGET', KEYS[3], ARGV[1])
if not cursor or length == 0 then return length end
local read = count_up_to(KEYS[1], KEYS[2], tonumber(cursor), length)
return redis.call('LLEN', KEYS[1]) - read
