-- A room's record changes.
-- KEYS: record, members, admins
-- ARGV: 1 who asks, 2 '1': the operator, and fields with their values, or none
-- Answers num, and whether it is public now; NOROOM; NOADMIN.
-- include rights
if rank < 2 then return 'NOADMIN' end
if #ARGV > 2 then redis.call('HSET', KEYS[1], unpack(ARGV, 3)) end
return redis.call('HMGET', KEYS[1], 'num', 'public')
