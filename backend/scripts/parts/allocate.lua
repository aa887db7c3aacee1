-- What inbox_push and room_send have in common, part one: the stamp. Takes `counters` (a
-- key), `counter` (its seq, block, n, day and wait field), `sent` (a key, or nothing) and
-- `stored`; ARGV as they say. Gives `id`, `seq`, `stamp`, `line`, `fresh`, `block`, `n`.
--
-- The wait field keeps a node's pushes in order: it stands from the first one that has to be
-- called again until it is, and those behind it, which are on their way already, are refused
-- likewise even if another node brings the block in between.
local block, n, fresh = counter[2], tonumber(counter[3] or 65535), false
if ARGV[10] ~= '' then
  if counter[5] then call('HDEL', counters, ARGV[9]) end
elseif counter[5] then
  return 'NOBLOCK'
end
if n >= 65535 then
  if ARGV[10] == '' or ARGV[10] == '0' then
    call('HSET', counters, ARGV[9], '1')
    return 'NOBLOCK'
  end
  block, n, fresh = ARGV[10], 0, true
end
n = n + 1
local id = string.format('%d', block * 65536 + n)
local seq = stored and string.format('%d', (counter[1] or 0) + 1) or '0'
local stamp = id .. ' ' .. seq
if sent then
  local first = call('SET', sent, stamp, 'NX', 'GET', 'PX', ARGV[7])
  if first then return '=' .. first end
end
local line = '{"v":1,"id":' .. id .. ',"seq":' .. seq .. ',' .. ARGV[1]
