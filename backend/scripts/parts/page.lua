-- include purge
-- Appends to `out`: the newest seq, whether there is more, the lines. At most
-- max_count lines and, but for the first, max_bytes of them.
local function page(out, list, messages, counters, reactions, after, max_count, max_bytes,
  keep_from)
  local counter = redis.call('HMGET', counters, 'seq', 'old')
  if counter[2] and tonumber(counter[2]) < keep_from then
    purge(list, messages, counters, reactions, keep_from)
  end
  local at_more = #out + 2
  out[#out + 1] = counter[1] or '0'
  out[#out + 1] = 0
  if not counter[1] or max_count == 0 then return end
  local length = redis.call('LLEN', list)
  local at = 0
  if after > 0 and length > 0 then
    at = count_up_to(list, messages, after, length)
    length = redis.call('LLEN', list)
  end
  local count, bytes = 0, 0
  while at < length do
    if count >= max_count then
      out[at_more] = 1
      return
    end
    local ids = redis.call('LRANGE', list, at, at + math.min(max_count - count, 16) - 1)
    local lines = redis.call('HMGET', messages, unpack(ids))
    for i = 1, #ids do
      if lines[i] then
        bytes = bytes + #lines[i]
        if count > 0 and bytes > max_bytes then
          out[at_more] = 1
          return
        end
        count = count + 1
        out[#out + 1] = lines[i]
      end
    end
    at = at + #ids
  end
end
