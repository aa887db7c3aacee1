-- How far a member was shown a room's log: only forward, and only while a member.
-- KEYS: cursors
-- ARGV: user, seq
local cursor = redis.call('HGET', KEYS[1], ARGV[1])
if cursor and tonumber(cursor) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return 'OK'
