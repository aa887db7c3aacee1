-- What inbox_push, room_send and dialog_append have in common, part one: the stamp. Takes
-- `messages` and `counters` (keys), `counter` (its seq, block, n, day, wait field, epoch), `sent` (a
-- key, or nothing), `stored`, `known`: an id that another log gave out, or false, and `current`:
-- whether a repeated send is answered with what is kept of it now; ARGV as they say. Gives `id`,
-- `seq`, `stamp`, `line`, `fresh`, `block`, `n`.
--
-- The wait field keeps a node's pushes in order: it stands from the first one that has to be
-- called again until it is, and those behind it, which are on their way already, are refused
-- likewise even if another node brings the block in between.
--
-- In a new epoch (epoch.h) seq goes on from there, and ids in a block of their own: none is given
-- twice that the Redis of before gave out and forgot.
local given = ARGV[#ARGV]
local block, n, fresh = counter[2], tonumber(counter[3] or 65535), false
if given ~= '' then
  if counter[5] then call('HDEL', counters, ARGV[9]) end
elseif counter[5] then
  return 'NOBLOCK'
end
if (counter[6] or '0000000000000') < ARGV[10] then
  if given == '' or given == '0' then
    call('HSET', counters, ARGV[9], '1')
    return 'NOBLOCK'
  end
  counter[1] = string.format('%d', math.max(counter[1] or 0, ARGV[10] - 1))
  block, n = given, 0
  call('HSET', counters, 'epoch', ARGV[10], 'seq', counter[1], 'block', block, 'n', n)
end
local id = known
if known then
  local there = call('HGET', messages, known)
  if there then return '=' .. known .. ' ' .. string.match(there, '"seq":(%d+)') end
else
  if n >= 65535 then
    if given == '' or given == '0' then
      call('HSET', counters, ARGV[9], '1')
      return 'NOBLOCK'
    end
    block, n, fresh = given, 0, true
  end
  n = n + 1
  id = string.format('%d', block * 65536 + n)
end
local seq = stored and string.format('%d', (counter[1] or 0) + 1) or '0'
local stamp = id .. ' ' .. seq
if sent then
  local first = call('SET', sent, stamp, 'NX', 'GET', 'PX', ARGV[7])
  if first then
    local there = current and call('HGET', messages, string.match(first, '%d+'))
    if not there then return '=' .. first end
    return '=' .. first .. string.gsub(there, '^{"v":1,"id":%d+,"seq":%d+,', ' ', 1)
  end
end
local line = '{"v":1,"id":' .. id .. ',"seq":' .. seq .. ',' .. ARGV[1]
