-- A user is no more: what was theirs alone goes, all their sessions end. Who they were stays, so
-- that nobody becomes them: id, number and UUID; and how far the inbox had counted, for its block
-- is this user's for ever.
-- KEYS: profile, keys, unread, unread:messages, unread:reactions
-- ARGV: 1 now (ms), 2 the user's channel
-- Answers NOUSER, or the ids of the credentials that they had.
local user = redis.call('HMGET', KEYS[1], 'num', 'deleted')
if not user[1] or user[2] then return 'NOUSER' end
local credentials = redis.call('HKEYS', KEYS[2])
redis.call('HDEL', KEYS[1], 'password', 'name', 'nickname', 'bio', 'avatar', 'reader')
redis.call('HSETNX', KEYS[1], 'registered', ARGV[1])
redis.call('HSET', KEYS[1], 'deleted', ARGV[1])
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
redis.call('PUBLISH', ARGV[2], '{"v":1,"id":0,"seq":0,"kind":"session.revoked","ts":' .. ARGV[1] ..
  '}')
return credentials
