-- Whether a user may come to one more room.
-- KEYS: rooms
-- ARGV: 1 the room, 2 how many rooms a user may be in
-- Answers OK, also where they are in that one: the same again completes what a crash has left; or
-- CROWDED.
if redis.call('SCARD', KEYS[1]) < tonumber(ARGV[2]) then return 'OK' end
return redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 and 'OK' or 'CROWDED'
