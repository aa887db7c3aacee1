-- Those who are something in a room, by their ids.
-- KEYS: record, members, admins, bans, the set that is asked for
-- ARGV: 1 who asks, 2 '1': the operator, 3 '1': only admins may know, 4 behind so many, 5 at most
--   so many
-- Answers how many there are in all, the ids; NOROOM; NOADMIN.
-- include rights
local reads = rank > 0 or room[4] == '1' and redis.call('SISMEMBER', KEYS[4], ARGV[1]) == 0
if not reads or ARGV[3] == '1' and rank < 2 then return 'NOADMIN' end
local people = redis.call('SORT', KEYS[5], 'LIMIT', ARGV[4], ARGV[5], 'ALPHA')
table.insert(people, 1, redis.call('SCARD', KEYS[5]))
return people
