-- Part two: the age of what was stored (`list`, `messages`: keys, `length`: of the list), the
-- counters, the publication where there is a channel, the answer.
if stored then
  local new_day = counter[4] ~= ARGV[5]
  if length == 1 or new_day then
    call('EXPIRE', list, ARGV[4])
    call('EXPIRE', messages, ARGV[4])
  end
  if new_day then
    call('HSET', counters, 'day', ARGV[5], 'd' .. ARGV[5], seq)
    call('HSETNX', counters, 'old', ARGV[5])
  end
end
if not known then
  if stored then call('HSET', counters, 'n', n, 'seq', seq) else call('HSET', counters, 'n', n) end
  if fresh then call('HSET', counters, 'block', block) end
elseif stored then
  call('HSET', counters, 'seq', seq)
end
if ARGV[2] ~= '' then call('PUBLISH', ARGV[2], line) end
return stamp
