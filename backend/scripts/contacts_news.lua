-- What a user's contacts are to be told: after a session has gone for good, or after they were
-- told something, which may not be so any more.
-- KEYS: profile, sessions, contacts
-- ARGV: 1 the session that has gone, or nothing; 2 what was told: online, offline, or nothing
-- Answers online or offline, num, uuid, name and the contacts; or nothing.
--
-- `shown`, in the profile, is what the contacts know of the user:
--   (none)           offline
--   coming           they are being told online
--   online
--   left <session>   the same: that session was the last one, and its grace period runs
--   going <session>  they are being told offline, for that session; should its node die, its
--                    reaper asks again
--   back             the same, and then online: the user came in between
local function settle(shown)
  if shown == 'coming' then redis.call('HSET', KEYS[1], 'shown', 'online') end
  if string.find(shown or '', '^going ') then redis.call('HDEL', KEYS[1], 'shown') end
  return {}
end
local user = redis.call('HMGET', KEYS[1], 'shown', 'num', 'uuid', 'name')
local shown, told = user[1], ARGV[2]
local is = (shown and not string.find(shown, '^going ')) and 'online' or 'offline'
if told == is then return settle(shown) end
local untold = shown == 'coming' or shown == 'back'
if told == '' then
  if redis.call('EXISTS', KEYS[2]) == 1 then
    -- Told already; or whoever was to say so died.
    if is == 'online' and not untold then return {} end
    is, shown = 'online', 'coming'
  else
    if not shown then return {} end
    local last = string.match(shown, '^left (.*)$') or string.match(shown, '^going (.*)$')
    if last and last ~= '' and last ~= ARGV[1] then return {} end
    is, shown = 'offline', 'going ' .. ARGV[1]
  end
  redis.call('HSET', KEYS[1], 'shown', shown)
elseif shown == 'back' then
  shown = 'coming'
  redis.call('HSET', KEYS[1], 'shown', shown)
end
local contacts = redis.call('SMEMBERS', KEYS[3])
if #contacts == 0 then return settle(shown) end
local out = {is, user[2] or '0', user[3] or '', user[4] or ''}
for i = 1, #contacts do out[4 + i] = contacts[i] end
return out
