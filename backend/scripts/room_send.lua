-- A message for a room: rights, dedupe, stamp, append and trim, publish.
-- KEYS: log, messages, record, members, bans, and where there is something to dedupe by,
--   sent:<hash>
-- ARGV: 1 the envelope's rest, 2 channel, 3 how many the log holds, 4 seconds that it is kept,
--   5 today (days since the epoch), 6 sender, 7 milliseconds for which a repeated send is
--   known, 8 '1': stored, 9 this node's wait field, 10 a fresh block
-- Answers as inbox_push; NOROOM; BANNED; NOTMEMBER.
local record = redis.call('HMGET', KEYS[3], 'seq', 'block', 'n', 'day', ARGV[9], 'num', 'public',
  'keep')
if not record[6] then return 'NOROOM' end
if redis.call('SISMEMBER', KEYS[5], ARGV[6]) == 1 then return 'BANNED' end
if record[7] ~= '1' and redis.call('SISMEMBER', KEYS[4], ARGV[6]) == 0 then return 'NOTMEMBER' end

local block, n = record[2], tonumber(record[3] or 65535)
local fresh = false
if ARGV[10] ~= '' then
  if record[5] then redis.call('HDEL', KEYS[3], ARGV[9]) end
elseif record[5] then
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
local stored = ARGV[8] == '1' and record[8] == 'log'
local seq = '0'
if stored then seq = string.format('%.0f', tonumber(record[1] or 0) + 1) end
local stamp = id .. ' ' .. seq
if KEYS[6] then
  local first = redis.call('SET', KEYS[6], stamp, 'NX', 'GET', 'PX', ARGV[7])
  if first then return '=' .. first end
end
local line = '{"v":1,"id":' .. id .. ',"seq":' .. seq .. ',' .. ARGV[1]

if stored then
  local length = redis.call('RPUSH', KEYS[1], id)
  redis.call('HSET', KEYS[2], id, line)
  local most = tonumber(ARGV[3])
  if length > most then
    -- Several at once, so that a full log does not cost every push two calls more.
    local ids = redis.call('LPOP', KEYS[1], math.min(length - most + math.floor(most / 32), 1000))
    redis.call('HDEL', KEYS[2], unpack(ids))
  end
  local new_day = record[4] ~= ARGV[5]
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
