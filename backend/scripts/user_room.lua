-- A user's own side of what they are in a room (room_role.lua): the rooms that they are in and
-- those that they are banned from, and a copy of the event for all their connections.
-- KEYS: rooms, bans
-- ARGV: 1 room, 2 and 3 what becomes of it in either set: SADD, SREM or nothing, 4 '1': it is told
--   in any case; else where something changed here, 5 the user's channel, 6 the envelope's rest;
--   empty: nothing is told
local changed = ARGV[4] == '1'
for i = 1, 2 do
  if ARGV[1 + i] ~= '' then
    changed = redis.call(ARGV[1 + i], KEYS[i], ARGV[1]) == 1 or changed
  end
end
if changed and ARGV[6] ~= '' then
  redis.call('PUBLISH', ARGV[5], '{"v":1,"id":0,"seq":0,' .. ARGV[6])
end
return 'OK'
