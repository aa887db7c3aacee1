-- A message for one user: dedupe, stamp, push, publish.
-- KEYS: unread, unread:messages, inbox, and where there is something to dedupe by, sent:<hash>
-- ARGV: 1 the envelope's rest, 2 channel, 3 how many the inbox holds, 4 seconds that it is kept,
--   5 today (days since the epoch), 6 entries are kept from this day on, 7 milliseconds for
--   which a repeated send is known, 8 '1': stored, 9 this node's wait field, 10 a fresh block
-- Answers "id seq"; "=id seq" of a repeated send; FULL; NOBLOCK: call again with a block;
-- STALE: call again with '0' when old entries were taken out.
--
-- The wait field keeps a node's pushes in order: it stands from the first one that has to be
-- called again until it is, and those behind it, which are on their way already, are refused
-- likewise even if another node brings the block in between.
local counter = redis.call('HMGET', KEYS[3], 'seq', 'block', 'n', 'day', ARGV[9])
local block, n = counter[2], tonumber(counter[3] or 65535)
local fresh = false
if ARGV[10] ~= '' then
  if counter[5] then redis.call('HDEL', KEYS[3], ARGV[9]) end
elseif counter[5] then
  return 'NOBLOCK'
end
if n >= 65535 then
  if ARGV[10] == '' or ARGV[10] == '0' then
    redis.call('HSET', KEYS[3], ARGV[9], '1')
    return 'NOBLOCK'
  end
  block, n, fresh = ARGV[10], 0, true
end
n = n + 1
local id = string.format('%.0f', tonumber(block) * 65536 + n)
local stored = ARGV[8] == '1'
local seq = '0'
if stored then seq = string.format('%.0f', tonumber(counter[1] or 0) + 1) end
local stamp = id .. ' ' .. seq
if KEYS[4] then
  local first = redis.call('SET', KEYS[4], stamp, 'NX', 'GET', 'PX', ARGV[7])
  if first then return '=' .. first end
end
local line = '{"v":1,"id":' .. id .. ',"seq":' .. seq .. ',' .. ARGV[1]

if stored then
  local length = redis.call('RPUSH', KEYS[1], id)
  if length > tonumber(ARGV[3]) then
    redis.call('RPOP', KEYS[1])
    if KEYS[4] then redis.call('DEL', KEYS[4]) end
    local old = redis.call('HGET', KEYS[3], 'old')
    if old and tonumber(old) < tonumber(ARGV[6]) then
      redis.call('HSET', KEYS[3], ARGV[9], '1')
      return 'STALE'
    end
    return 'FULL'
  end
  redis.call('HSET', KEYS[2], id, line)
  local new_day = counter[4] ~= ARGV[5]
  if length == 1 or new_day then
    redis.call('EXPIRE', KEYS[1], ARGV[4])
    redis.call('EXPIRE', KEYS[2], ARGV[4])
  end
  if new_day then
    redis.call('HSET', KEYS[3], 'day', ARGV[5], 'd' .. ARGV[5], seq)
    redis.call('HSETNX', KEYS[3], 'old', ARGV[5])
  end
end
if fresh then
  redis.call('HSET', KEYS[3], 'block', block, 'n', n)
  if stored then redis.call('HSET', KEYS[3], 'seq', seq) end
elseif stored then
  redis.call('HSET', KEYS[3], 'n', n, 'seq', seq)
else
  redis.call('HSET', KEYS[3], 'n', n)
end
redis.call('PUBLISH', ARGV[2], line)
return stamp
