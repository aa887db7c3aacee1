-- These entries were read: they leave the list and are in no key afterwards.
-- KEYS: unread, unread:messages, unread:reactions
-- ARGV: ids
-- Answers as list_page: 0, 0, the lines of those that were there.
local out = {0, 0}
local there = {}
for from = 1, #ARGV, 1000 do
  local to = math.min(from + 999, #ARGV)
  local lines = redis.call('HMGET', KEYS[2], unpack(ARGV, from, to))
  local some = {}
  for i = from, to do
    local stored = lines[i - from + 1]
    if stored and not there[ARGV[i]] then
      there[ARGV[i]] = true
      some[#some + 1] = ARGV[i]
      out[#out + 1] = stored
    end
  end
  if #some > 0 then
    redis.call('HDEL', KEYS[2], unpack(some))
    redis.call('HDEL', KEYS[3], unpack(some))
  end
end
if #out <= 2 + 32 then
  for id in pairs(there) do redis.call('LREM', KEYS[1], 1, id) end
  return out
end
-- Many: one pass over the list instead of a search for each.
local ids = redis.call('LRANGE', KEYS[1], 0, -1)
local left_ms = redis.call('PTTL', KEYS[1])
local kept = {}
for i = 1, #ids do
  if not there[ids[i]] then kept[#kept + 1] = ids[i] end
end
redis.call('DEL', KEYS[1])
for from = 1, #kept, 1000 do
  redis.call('RPUSH', KEYS[1], unpack(kept, from, math.min(from + 999, #kept)))
end
if left_ms > 0 and #kept > 0 then redis.call('PEXPIRE', KEYS[1], left_ms) end
return out
