-- A user registers.
-- KEYS: profile, sessions
-- ARGV: 1 '1': a user who never registered becomes this account, 2 now (ms), 3 num, 4 uuid: both
--   empty, until there turns out to be no such user, 5 field, 6 value, ...
-- Answers TAKEN; NOUSER: a number is needed; or as parts/account.lua says.
-- include account
-- include fields
local user = redis.call('HMGET', KEYS[1], 'num', 'registered', 'password')
if not user[1] and ARGV[3] == '' then return 'NOUSER' end
if not user[1] then
  redis.call('HSET', KEYS[1], 'num', ARGV[3], 'uuid', ARGV[4], 'created', ARGV[2])
elseif ARGV[1] ~= '1' or user[2] or user[3] then
  return 'TAKEN'
end
redis.call('HSET', KEYS[1], 'registered', ARGV[2])
set_fields(KEYS[1], 5)
return account(KEYS[1], KEYS[2])
