-- What a user is in a room.
-- KEYS: record, members, admins, bans, invites
-- ARGV: user
-- Answers member, admin, owner, banned, invited; and of the room open, public: each 1 or 0; or NOROOM.
local record = redis.call('HMGET', KEYS[1], 'num', 'owner', 'open', 'public')
if not record[1] then return 'NOROOM' end
local out = {0, 0, record[2] == ARGV[1] and 1 or 0, 0, 0, record[3] == '1' and 1 or 0,
  record[4] == '1' and 1 or 0}
out[1] = redis.call('SISMEMBER', KEYS[2], ARGV[1])
out[2] = redis.call('SISMEMBER', KEYS[3], ARGV[1])
out[4] = redis.call('SISMEMBER', KEYS[4], ARGV[1])
out[5] = redis.call('SISMEMBER', KEYS[5], ARGV[1])
return out
