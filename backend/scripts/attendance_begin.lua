-- A session begins to hear a room. The hash holds, for each user, their sessions there,
-- a space between two.
-- KEYS: attendance
-- ARGV: user, session, channel, the envelope's rest, carried out by then at the latest (part late)
-- Answers 1 when it is the user's first, which the room is told; 2 when it stood there already; 0.
-- include late
local refusal = late(ARGV[5])
if refusal then return refusal end
local sessions = redis.call('HGET', KEYS[1], ARGV[1])
if not sessions then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('PUBLISH', ARGV[3], '{"v":1,"id":0,"seq":0,' .. ARGV[4])
  return 1
end
if string.find(' ' .. sessions .. ' ', ' ' .. ARGV[2] .. ' ', 1, true) then return 2 end
redis.call('HSET', KEYS[1], ARGV[1], sessions .. ' ' .. ARGV[2])
return 0
