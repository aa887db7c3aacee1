-- The newest messages of a list, or of those in it with a smaller id than one, which may be gone.
-- KEYS: list, messages, counters, reactions
-- ARGV: that id, or 0: of all; at most so many; but for the last one, at most so many bytes;
--   entries are kept from this day on
-- Answers as list_page (oldest first), but 1 where there are older ones, and behind a line its
-- reactions where it has some, as message_react keeps them.
-- include purge
local counter = redis.call('HMGET', KEYS[3], 'seq', 'old')
if counter[2] and tonumber(counter[2]) < tonumber(ARGV[4]) then
  purge(KEYS[1], KEYS[2], KEYS[3], KEYS[4], tonumber(ARGV[4]))
end
-- Ids grow along the list.
local before = tonumber(ARGV[1])
local low, high = 0, redis.call('LLEN', KEYS[1])
while before > 0 and low < high do
  local middle = math.floor((low + high) / 2)
  if tonumber(redis.call('LINDEX', KEYS[1], middle)) < before then
    low = middle + 1
  else
    high = middle
  end
end
local last = high - 1
-- Newest first, a few at a time: of long lines fewer are wanted than were asked for.
local first = math.max(last - tonumber(ARGV[2]) + 1, 0)
local found, count, bytes, full = {}, 0, 0, false
local to = last
while to >= first and not full do
  local from = math.max(to - 15, first)
  local ids = redis.call('LRANGE', KEYS[1], from, to)
  local lines = redis.call('HMGET', KEYS[2], unpack(ids))
  local reactions = redis.call('HMGET', KEYS[4], unpack(ids))
  for i = #ids, 1, -1 do
    if lines[i] and not full then
      bytes = bytes + #lines[i] + #(reactions[i] or '')
      full = count >= 1 and bytes > tonumber(ARGV[3])
      if not full then
        count = count + 1
        if reactions[i] then found[#found + 1] = reactions[i] end
        found[#found + 1] = lines[i]
      end
    end
  end
  to = from - 1
end
local out = {counter[1] or '0', (full or first > 0) and 1 or 0}
for i = #found, 1, -1 do out[#out + 1] = found[i] end
return out
