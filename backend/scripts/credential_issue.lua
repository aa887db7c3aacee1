-- A user gets a credential; where they have too many, those that expire first are revoked.
-- KEYS: profile, keys
-- ARGV: 1 its id, 2 its record ("key created expires", "token created expires"), 3 its end (ms),
--   4 now (ms), 5 how many at most, 6 the user's channel
-- Answers NOUSER; or the ids of those that are there no more.
-- include revoked
local user = redis.call('HMGET', KEYS[1], 'num', 'deleted')
if not user[1] or user[2] then return 'NOUSER' end
local now, newest, gone, good = tonumber(ARGV[4]), tonumber(ARGV[3]), {}, {}
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  local created, expires = string.match(all[i + 1], ' (%d+) (%d+)$')
  created, expires = tonumber(created), tonumber(expires)
  if expires and expires > now then
    good[#good + 1] = {id = all[i], created = created, expires = expires}
    newest = math.max(newest, expires)
  else
    gone[#gone + 1] = all[i]
  end
end
table.sort(good, function(a, b)
  if a.expires ~= b.expires then return a.expires < b.expires end
  if a.created ~= b.created then return a.created < b.created end
  return a.id < b.id
end)
for i = 1, #good - tonumber(ARGV[5]) + 1 do
  gone[#gone + 1] = good[i].id
  tell_revoked(ARGV[6], ARGV[4], good[i].id)
end
if #gone > 0 then redis.call('HDEL', KEYS[2], unpack(gone)) end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
-- A day more: whose clock it goes by does not matter then.
redis.call('PEXPIRE', KEYS[2], newest - now + 86400000)
return gone
