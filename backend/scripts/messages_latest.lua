-- The newest messages of a list, up to one of them.
-- KEYS: list, messages, counters, reactions
-- ARGV: the last one's id, or 0: the newest; at most so many; but for the last two, at most so
--   many bytes; entries are kept from this day on
-- Answers as list_page (oldest first), but 1 where there are older ones, and behind a line its
-- reactions where it has some, as message_react keeps them; MISSING: no such id.
-- include purge
local counter = redis.call('HMGET', KEYS[3], 'seq', 'old')
if counter[2] and tonumber(counter[2]) < tonumber(ARGV[4]) then
  purge(KEYS[1], KEYS[2], KEYS[3], KEYS[4], tonumber(ARGV[4]))
end
local last
if ARGV[1] == '0' then
  last = redis.call('LLEN', KEYS[1]) - 1
else
  last = redis.call('LPOS', KEYS[1], ARGV[1])
  if not last then return 'MISSING' end
end
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
      full = count >= 2 and bytes > tonumber(ARGV[3])
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
