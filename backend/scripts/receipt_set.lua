-- A user has received or read a dialog up to a message: only forward.
-- KEYS: receipts
-- ARGV: 'delivered <user>' or 'read <user>', message id, when (ms), seconds that it is kept
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known or tonumber(string.match(known, '^%d+')) < tonumber(ARGV[2]) then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
  redis.call('EXPIRE', KEYS[1], ARGV[4])
end
return 'OK'
