-- Between allocate and publish, for a log: appends and trims it (`list`, `messages`, `reactions`:
-- keys; ARGV[3]: how many it holds). Gives `length`.
local length
if stored then
  length = call('RPUSH', list, id)
  call('HSET', messages, id, line)
  local most = tonumber(ARGV[3])
  if length > most then
    -- Several at once, so that a full log does not cost every push two calls more.
    local ids = call('LPOP', list, math.min(length - most + math.floor(most / 32), 1000))
    call('HDEL', messages, unpack(ids))
    call('HDEL', reactions, unpack(ids))
  end
end
