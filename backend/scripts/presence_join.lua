-- A session of a user begins: takeover or refusal, the session's record, and with it the
-- first page of the inbox.
-- KEYS: profile, sessions, rooms, unread, unread:messages, inbox, unread:reactions, contacts,
--   bans, keys
-- ARGV: 1 session, 2 its record ("node protocol since device"), 3 protocol, 4 device,
--   5 shared, refuse or replace, 6 '1': the protocol acknowledges, 7 now (ms), 8 the user's
--   channel, 9 page after this seq, 10 so many at most, 11 so many bytes at most, 12 entries
--   are kept from this day on, 13 '1': the contacts are wanted, 14 the id of the credential that
--   let the session in, or nothing, 15 carried out by then at the latest (part late), 16 when the
--   session began (ms, as `since`); for a new user besides: 17 num, 18 uuid
-- Answers REVOKED: that is good no more; NOUSER; CONFLICT; or num, uuid, name, sessions, whether
-- the contacts are to be told (contacts_news.lua), how many rooms, how many contacts, how many
-- bans, the rooms, the contacts where they are wanted or to be told, the rooms that the user is
-- banned from, and the page as list_page does.
-- include page
-- include late
local call = redis.call
local refusal = late(ARGV[15])
if refusal then return refusal end
if ARGV[14] ~= '' then
  local record = call('HGET', KEYS[10], ARGV[14])
  local expires = record and tonumber(string.match(record, '(%d+)$'))
  if not expires or expires <= tonumber(ARGV[7]) then return 'REVOKED' end
end
local user = call('HMGET', KEYS[1], 'num', 'uuid', 'name', 'shown', 'deleted')
local profile = {} -- what changes of it: field, value, ...
local function set(field, value)
  profile[#profile + 1] = field
  profile[#profile + 1] = value
end
if not user[1] then
  if not ARGV[17] then return 'NOUSER' end
  user = {ARGV[17], ARGV[18], false, false}
  profile = {'num', ARGV[17], 'uuid', ARGV[18], 'created', ARGV[7]}
end
local record = ARGV[2]
if ARGV[5] ~= 'shared' then
  local sessions = call('HGETALL', KEYS[2])
  for i = 1, #sessions, 2 do
    local protocol, since, device = string.match(sessions[i + 1], '^%S+ (%S+) (%S+) (.*)$')
    if sessions[i] ~= ARGV[1] and protocol == ARGV[3] and device == ARGV[4] then
      -- Who began later is newer, in whatever order they come.
      if ARGV[5] == 'refuse' or tonumber(since) > tonumber(ARGV[16]) then return 'CONFLICT' end
      call('HDEL', KEYS[2], sessions[i])
      -- Nodes know Redis' time to some milliseconds: who takes a place is shown to have begun later
      -- than who had it, and keeps it when that one joins again.
      if tonumber(string.match(record, '^%S+ %S+ (%S+)')) <= tonumber(since) then
        record = string.gsub(record, '^(%S+ %S+) %S+', '%1 ' .. string.format('%d', since + 1))
      end
      redis.call('PUBLISH', ARGV[8], '{"v":1,"id":0,"seq":0,"kind":"session.replaced","ts":' ..
        ARGV[7] .. ',"body":{"session":' .. cjson.encode(sessions[i]) .. '}}')
    end
  end
end
call('HSET', KEYS[2], ARGV[1], record)
if user[5] then call('HDEL', KEYS[1], 'deleted') end
if ARGV[6] == '1' then set('reader', ARGV[7]) end
local sessions = call('HLEN', KEYS[2])
local shown, tell, contacts = user[4], false, {}
-- A first session that finds them being told online: who was to tell it died. Whoever is telling
-- them offline tells them online behind it.
if not shown or (sessions == 1 and (shown == 'coming' or shown == 'back')) then
  contacts = call('SMEMBERS', KEYS[8])
  tell = #contacts > 0
  set('shown', tell and 'coming' or 'online')
else
  if string.find(shown, '^going ') then
    set('shown', 'back')
  elseif string.find(shown, '^left ') then
    set('shown', 'online')
  end
  if ARGV[13] == '1' then contacts = call('SMEMBERS', KEYS[8]) end
end
if #profile > 0 then call('HSET', KEYS[1], unpack(profile)) end
local rooms = call('SMEMBERS', KEYS[3])
local bans = call('SMEMBERS', KEYS[9])
local out = {user[1], user[2], user[3] or '', sessions, tell and 1 or 0, #rooms, #contacts, #bans}
for i = 1, #rooms do out[#out + 1] = rooms[i] end
for i = 1, #contacts do out[#out + 1] = contacts[i] end
for i = 1, #bans do out[#out + 1] = bans[i] end
page(out, KEYS[4], KEYS[5], KEYS[6], KEYS[7], tonumber(ARGV[9]), tonumber(ARGV[10]),
  tonumber(ARGV[11]), tonumber(ARGV[12]))
return out
