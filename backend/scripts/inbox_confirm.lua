-- The receiver proved to have everything up to the entry `id`: it leaves the list, unless
-- the user also uses a protocol that acknowledges.
-- KEYS: unread, unread:messages, profile, unread:reactions
-- ARGV: id, a reader since then (ms) keeps its entries, at most so many, at most so many bytes
-- Answers as list_page: 0, 1 when there is more up to `id`, the lines that left.
local reader = redis.call('HGET', KEYS[3], 'reader')
if reader and tonumber(reader) >= tonumber(ARGV[2]) then return {0, 0} end
local at = redis.call('LPOS', KEYS[1], ARGV[1])
if not at then return {0, 0} end
local out = {0, 0}
local count = math.min(at + 1, tonumber(ARGV[3]))
local ids = redis.call('LRANGE', KEYS[1], 0, count - 1)
local lines = redis.call('HMGET', KEYS[2], unpack(ids))
local bytes, taken = 0, 0
for i = 1, #ids do
  bytes = bytes + (lines[i] and #lines[i] or 0)
  if taken > 0 and bytes > tonumber(ARGV[4]) then break end
  taken = i
  out[#out + 1] = lines[i] or nil
end
if taken < at + 1 then out[2] = 1 end
redis.call('LPOP', KEYS[1], taken)
redis.call('HDEL', KEYS[2], unpack(ids, 1, taken))
redis.call('HDEL', KEYS[4], unpack(ids, 1, taken))
return out
