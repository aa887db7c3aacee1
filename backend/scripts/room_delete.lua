-- A room goes: all but the members and the banned at once, and these in parts, for each has a
-- side of their own. From the first part on nobody finds it: the record has no `num` then, but
-- `going`.
-- KEYS: record, members, bans, admins, others that go at once with the admins
-- ARGV: 1 who asks, 2 '1': the operator, 3 channel, 4 the rest of what it is told at first; empty:
--   nothing, 5 at most so many in a part, and those whose own side is done
-- Answers its number, and those whose side is to be done next: none, that was all; NOROOM; NOADMIN.
local room = redis.call('HMGET', KEYS[1], 'num', 'owner', 'creator', 'going', 'ended_by')
local num = room[1] or room[4]
if not num then return 'NOROOM' end
local by = ARGV[1]
local may = ARGV[2] == '1' or by ~= '' and (by == room[2] or by == room[3] or by == room[5] or
  redis.call('SISMEMBER', KEYS[4], by) == 1)
if not may then return 'NOADMIN' end
if room[1] then
  redis.call('HSET', KEYS[1], 'going', num, 'ended_by', by)
  redis.call('HDEL', KEYS[1], 'num')
  if ARGV[4] ~= '' then redis.call('PUBLISH', ARGV[3], '{"v":1,"id":0,"seq":0,' .. ARGV[4]) end
end
redis.call('UNLINK', unpack(KEYS, 4))
if #ARGV > 5 then
  redis.call('SREM', KEYS[2], unpack(ARGV, 6))
  redis.call('SREM', KEYS[3], unpack(ARGV, 6))
end
local others = redis.call('SRANDMEMBER', KEYS[2], ARGV[5])
if #others == 0 then others = redis.call('SRANDMEMBER', KEYS[3], ARGV[5]) end
table.insert(others, 1, num)
return others
