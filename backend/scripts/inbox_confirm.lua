-- The receiver proved to have everything up to the entry `id`: it leaves the list, unless
-- the user also uses a protocol that acknowledges; then it stays, and is told once.
-- KEYS: unread, unread:messages, profile, unread:reactions, inbox
-- ARGV: id, a reader since then (ms) keeps its entries, at most so many, at most so many bytes
-- Answers as list_page: 0, 1 when there is more up to `id`, the lines that were not proven
-- before. How far that is stands in the inbox as `delivered`, where entries stay.
-- include purge
local reader, inbox = redis.call('HGET', KEYS[3], 'reader'), KEYS[5]
local stays = reader and tonumber(reader) >= tonumber(ARGV[2])
local at = redis.call('LPOS', KEYS[1], ARGV[1])
if not at then return {0, 0} end
local first = 0
if stays then
  local delivered = redis.call('HGET', inbox, 'delivered')
  first = delivered and count_up_to(KEYS[1], KEYS[2], tonumber(delivered), at + 1) or 0
  if first > at then return {0, 0} end
end
local out = {0, 0}
local count = math.min(at + 1 - first, tonumber(ARGV[3]))
local ids = redis.call('LRANGE', KEYS[1], first, first + count - 1)
local lines = redis.call('HMGET', KEYS[2], unpack(ids))
local bytes, taken = 0, 0
for i = 1, #ids do
  bytes = bytes + (lines[i] and #lines[i] or 0)
  if taken > 0 and bytes > tonumber(ARGV[4]) then break end
  taken = i
  out[#out + 1] = lines[i] or nil
end
if first + taken < at + 1 then out[2] = 1 end
if stays then
  if #out > 2 then redis.call('HSET', inbox, 'delivered', string.format('%d', seq_of(out[#out]))) end
  return out
end
redis.call('LPOP', KEYS[1], taken)
redis.call('HDEL', KEYS[2], unpack(ids, 1, taken))
redis.call('HDEL', KEYS[4], unpack(ids, 1, taken))
return out
