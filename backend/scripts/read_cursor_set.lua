-- How far a user has read a conversation: only forward.
-- KEYS: read
-- ARGV: user, seq
local cursor = redis.call('HGET', KEYS[1], ARGV[1])
if not cursor or tonumber(cursor) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return 'OK'
