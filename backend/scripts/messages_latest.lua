-- The newest messages of a list, up to one of them.
-- KEYS: list, messages, counters, reactions
-- ARGV: the last one's id, or 0: the newest; at most so many; entries are kept from this day on
-- Answers as list_page (oldest first), but 1 where there are older ones, and behind a line its
-- reactions where it has some, as message_react keeps them; MISSING: no such id.
-- include purge
local counter = redis.call('HMGET', KEYS[3], 'seq', 'old')
if counter[2] and tonumber(counter[2]) < tonumber(ARGV[3]) then
  purge(KEYS[1], KEYS[2], KEYS[3], KEYS[4], tonumber(ARGV[3]))
end
local last
if ARGV[1] == '0' then
  last = redis.call('LLEN', KEYS[1]) - 1
else
  last = redis.call('LPOS', KEYS[1], ARGV[1])
  if not last then return 'MISSING' end
end
local first = math.max(last - tonumber(ARGV[2]) + 1, 0)
local out = {counter[1] or '0', first > 0 and 1 or 0}
if first > last then return out end
local ids = redis.call('LRANGE', KEYS[1], first, last)
local lines = redis.call('HMGET', KEYS[2], unpack(ids))
local reactions = redis.call('HMGET', KEYS[4], unpack(ids))
for i = 1, #ids do
  if lines[i] then
    out[#out + 1] = lines[i]
    if reactions[i] then out[#out + 1] = reactions[i] end
  end
end
return out
