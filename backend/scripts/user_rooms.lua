-- The user's side of entering and leaving a room: the set of their rooms, and a copy of the
-- event for all their connections.
-- KEYS: rooms
-- ARGV: SADD or SREM, room, channel, the envelope's rest
redis.call(ARGV[1], KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], '{"v":1,"id":0,"seq":0,' .. ARGV[4])
return 'OK'
