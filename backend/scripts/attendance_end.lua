-- A session ceases to hear a room.
-- KEYS: attendance
-- ARGV: user, session, channel, the envelope's rest; empty: nobody is told
-- Answers 1 when it was the user's last, which the room is told.
local sessions = redis.call('HGET', KEYS[1], ARGV[1])
if not sessions then return 0 end
local left = {}
local found = false
for session in string.gmatch(sessions, '%S+') do
  if session == ARGV[2] then found = true else left[#left + 1] = session end
end
if not found then return 0 end
if #left > 0 then
  redis.call('HSET', KEYS[1], ARGV[1], table.concat(left, ' '))
  return 0
end
redis.call('HDEL', KEYS[1], ARGV[1])
if ARGV[4] ~= '' then redis.call('PUBLISH', ARGV[3], '{"v":1,"id":0,"seq":0,' .. ARGV[4]) end
return 1
