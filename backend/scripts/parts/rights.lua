-- Who may do what in a room. Takes KEYS 1 to 3: record, members, admins; ARGV 1 who asks, 2 '1':
-- the operator. Gives `room` (num, owner, open, public, seq), `rank_of`, the `rank` of who asks,
-- and `refusal`, the answer to a rank that is too low; answers NOROOM where there is none.
--
-- A rank: 4 the operator, 3 the owner (also one who has left), 2 an admin (a member always),
-- 1 a member, 0 anybody else.
local room = redis.call('HMGET', KEYS[1], 'num', 'owner', 'open', 'public', 'seq')
if not room[1] then return 'NOROOM' end
local function rank_of(user)
  if user ~= '' and user == room[2] then return 3 end
  if redis.call('SISMEMBER', KEYS[2], user) == 0 then return 0 end
  return 1 + redis.call('SISMEMBER', KEYS[3], user)
end
local rank = ARGV[2] == '1' and 4 or rank_of(ARGV[1])
local refusal = rank > 0 and 'NOADMIN' or 'OUTSIDE'
