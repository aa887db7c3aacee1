-- A user adds a reaction to a message, or takes it back. The hash holds, for each message with
-- reactions, the users of each, the oldest reaction first: [["<reaction>","<user>",...],...].
-- KEYS: messages, reactions
-- ARGV: 1 id, 2 user, 3 reaction, 4 '1': add, 5 channel, 6 the event's rest in front of the
--   counts (empty: nobody is told), 7 and behind them, 8 seconds that it is kept, 9 so many reactions at most
-- Answers the counts, a JSON object; MISSING: the message is not kept; MANY.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 'MISSING' end
local stored = redis.call('HGET', KEYS[2], ARGV[1])
local all = stored and cjson.decode(stored) or {}
local at, user_at
for i = 1, #all do
  if all[i][1] == ARGV[3] then
    at = i
    for j = 2, #all[i] do
      if all[i][j] == ARGV[2] then user_at = j end
    end
  end
end
local adding = ARGV[4] == '1'
local changed = adding == not user_at
if changed and adding then
  if not at and #all >= tonumber(ARGV[9]) then return 'MANY' end
  at = at or #all + 1
  all[at] = all[at] or {ARGV[3]}
  table.insert(all[at], ARGV[2])
elseif changed then
  table.remove(all[at], user_at)
  if #all[at] == 1 then table.remove(all, at) end
end
local counts = {}
for i = 1, #all do
  counts[i] = cjson.encode(all[i][1]) .. ':' .. string.format('%d', #all[i] - 1)
end
local object = '{' .. table.concat(counts, ',') .. '}'
if changed then
  if #all > 0 then
    redis.call('HSET', KEYS[2], ARGV[1], cjson.encode(all))
    redis.call('EXPIRE', KEYS[2], ARGV[8])
  else
    redis.call('HDEL', KEYS[2], ARGV[1])
  end
  if ARGV[6] ~= '' then
    redis.call('PUBLISH', ARGV[5], '{"v":1,"id":0,"seq":0,' .. ARGV[6] .. object .. ARGV[7])
  end
end
return object
