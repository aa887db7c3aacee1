-- What is told of a user: num, uuid, name, nickname, bio, avatar, created, 1 where a session is
-- live; or NOUSER.
local function account(profile, sessions)
  local out = redis.call('HMGET', profile, 'num', 'uuid', 'name', 'nickname', 'bio', 'avatar',
    'created', 'deleted')
  if not out[1] or out[8] then return 'NOUSER' end
  out[8] = redis.call('EXISTS', sessions)
  return out
end
