-- A user is a member of a room no longer.
-- KEYS: record, members, cursors
-- ARGV: user, channel, the envelope's rest; empty: the room is not told
-- Answers GONE, NONE (no member), NOROOM.
if redis.call('EXISTS', KEYS[1]) == 0 then return 'NOROOM' end
if redis.call('SREM', KEYS[2], ARGV[1]) == 0 then return 'NONE' end
redis.call('HDEL', KEYS[3], ARGV[1])
if ARGV[3] ~= '' then redis.call('PUBLISH', ARGV[2], '{"v":1,"id":0,"seq":0,' .. ARGV[3]) end
return 'GONE'
