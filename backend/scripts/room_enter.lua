-- A user becomes a member of a room.
-- KEYS: record, members, bans, invites, cursors
-- ARGV: user, channel, the envelope's rest; empty: the room is not told
-- Answers NEW, OLD (a member already), NOROOM, BANNED, CLOSED (neither open nor invited).
local record = redis.call('HMGET', KEYS[1], 'num', 'open', 'seq', 'owner')
if not record[1] then return 'NOROOM' end
if redis.call('SISMEMBER', KEYS[3], ARGV[1]) == 1 then return 'BANNED' end
if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 1 then return 'OLD' end
local invited = redis.call('SREM', KEYS[4], ARGV[1]) == 1
if record[2] ~= '1' and not invited and record[4] ~= ARGV[1] then return 'CLOSED' end
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('HSET', KEYS[5], ARGV[1], record[3] or '0')
if ARGV[3] ~= '' then redis.call('PUBLISH', ARGV[2], '{"v":1,"id":0,"seq":0,' .. ARGV[3]) end
return 'NEW'
