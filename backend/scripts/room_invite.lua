-- A user invites another to a room: any member to an open one, to a closed one its admins and
-- its owner. A member needs no invitation, and keeps none for after a kick.
-- KEYS: record, members, admins, bans, invites
-- ARGV: who invites, who is invited
-- Answers OK; NOROOM; OUTSIDE (no member); NOADMIN; BANNED (who is invited).
local record = redis.call('HMGET', KEYS[1], 'num', 'open', 'owner')
if not record[1] then return 'NOROOM' end
if record[3] ~= ARGV[1] and redis.call('SISMEMBER', KEYS[3], ARGV[1]) == 0 then
  if redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 then return 'OUTSIDE' end
  if record[2] ~= '1' then return 'NOADMIN' end
end
if redis.call('SISMEMBER', KEYS[4], ARGV[2]) == 1 then return 'BANNED' end
if redis.call('SISMEMBER', KEYS[2], ARGV[2]) == 0 then redis.call('SADD', KEYS[5], ARGV[2]) end
return 'OK'
