-- A room as it is.
-- KEYS: record, members
-- ARGV: who must be a member of it where it is not public; empty: nobody
-- Answers num, uuid, name, description, owner, creator, created, open, public, keep, how many
-- members; NOROOM; GOING: it is being deleted.
local room = redis.call('HMGET', KEYS[1], 'num', 'uuid', 'name', 'description', 'owner', 'creator',
  'created', 'open', 'public', 'keep', 'going')
if not room[1] then return room[11] and 'GOING' or 'NOROOM' end
if ARGV[1] ~= '' and room[9] ~= '1' and redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0 then
  return 'NOROOM'
end
room[11] = redis.call('SCARD', KEYS[2])
return room
