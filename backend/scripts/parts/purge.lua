-- include stamp
-- Reading a list of ids with a hash id -> line beside it. The counters hash holds
-- `seq`, the newest given out, and for the age of entries one field for each day on
-- which something was pushed, `d<day>` = the first seq of that day, and `old`, the
-- oldest of these days.

-- How many of the first entries have a seq of at most `after`. An id without a line
-- (nothing of ours leaves one behind) is dropped on the way.
local function count_up_to(list, messages, after, length)
  local low, high = 0, length
  while low < high do
    local middle = math.floor((low + high) / 2)
    local id = redis.call('LINDEX', list, middle)
    local stored = redis.call('HGET', messages, id)
    if not stored then
      redis.call('LREM', list, 1, id)
      high = high - 1
    elseif seq_of(stored) > after then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

-- Takes out what was pushed before the day `keep_from`, and its reactions.
local function purge(list, messages, counters, reactions, keep_from)
  local all = redis.call('HGETALL', counters)
  local newest, oldest_day, first_kept, gone = 0, nil, nil, {}
  for i = 1, #all, 2 do
    local day = tonumber(string.match(all[i], '^d(%d+)$'))
    if all[i] == 'seq' then
      newest = tonumber(all[i + 1])
    elseif day and day < keep_from then
      gone[#gone + 1] = all[i]
    elseif day and (not oldest_day or day < oldest_day) then
      oldest_day, first_kept = day, tonumber(all[i + 1])
    end
  end
  local last = first_kept and first_kept - 1 or newest
  local count = count_up_to(list, messages, last, redis.call('LLEN', list))
  while count > 0 do
    local ids = redis.call('LPOP', list, math.min(count, 1000))
    redis.call('HDEL', messages, unpack(ids))
    redis.call('HDEL', reactions, unpack(ids))
    count = count - #ids
  end
  for i = 1, #gone do redis.call('HDEL', counters, gone[i]) end
  if oldest_day then
    redis.call('HSET', counters, 'old', oldest_day)
  else
    redis.call('HDEL', counters, 'old', 'day')
  end
end
