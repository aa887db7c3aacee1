-- What a user is in a room changes: they come or go, or are given or taken something.
-- KEYS: record, members, admins, bans, invites, cursors
-- ARGV: 1 who asks, 2 '1': the operator, 3 whom it is about, 4 what, a name of `changes` below,
--   5 the room's channel, 6 the rest of what it is told when its members change; empty: nothing
-- Answers NEW; OLD: it was so already; or why not: NOROOM; BANNED; CLOSED (neither open nor
-- invited); OUTSIDE (no member: who asks, or who is to be an admin or the owner); NOADMIN.
-- include rights
local user = ARGV[3]
local theirs = rank_of(user)
local member = redis.call('SISMEMBER', KEYS[2], user) == 1
local banned = redis.call('SISMEMBER', KEYS[4], user) == 1

local function tell()
  if ARGV[6] ~= '' then redis.call('PUBLISH', ARGV[5], '{"v":1,"id":0,"seq":0,' .. ARGV[6]) end
end

local function come()
  if banned then return 'BANNED' end
  if member then return 'OLD' end
  redis.call('SREM', KEYS[5], user)
  redis.call('SADD', KEYS[2], user)
  redis.call('HSET', KEYS[6], user, room[5] or '0')
  tell()
  return 'NEW'
end

local function go()
  if not member then return 'OLD' end
  redis.call('SREM', KEYS[2], user)
  redis.call('SREM', KEYS[3], user)
  redis.call('HDEL', KEYS[6], user)
  tell()
  return 'NEW'
end

-- One of the sets, and nothing else.
local function set(command, key)
  return redis.call(command, key, user) == 1 and 'NEW' or 'OLD'
end

-- An admin is above members, the owner above admins, nobody above the owner.
local function is_above()
  return rank >= 2 and rank > theirs and theirs < 3
end

local changes = {}

function changes.enter()
  if banned then return 'BANNED' end
  local invited = redis.call('SISMEMBER', KEYS[5], user) == 1
  if not member and room[3] ~= '1' and not invited and theirs < 3 then return 'CLOSED' end
  return come()
end

changes.exit = go

function changes.join()
  return rank == 4 and come() or refusal
end

function changes.kick()
  return is_above() and go() or refusal
end

function changes.ban()
  if not is_above() then return refusal end
  local left = go()
  redis.call('SREM', KEYS[5], user)
  local added = set('SADD', KEYS[4])
  return left == 'NEW' and left or added
end

function changes.unban()
  return rank >= 2 and set('SREM', KEYS[4]) or refusal
end

-- A member needs no invitation, and keeps none for after a kick. Anybody else is told each time:
-- it is kept in no inbox.
function changes.invite()
  if rank < (room[3] == '1' and 1 or 2) then return refusal end
  if banned then return 'BANNED' end
  if member then return 'OLD' end
  redis.call('SADD', KEYS[5], user)
  return 'NEW'
end

function changes.uninvite()
  return rank >= 2 and set('SREM', KEYS[5]) or refusal
end

function changes.admin()
  if rank < 3 then return refusal end
  if theirs == 3 then return 'OLD' end
  return member and set('SADD', KEYS[3]) or 'OUTSIDE'
end

function changes.unadmin()
  return rank >= 3 and set('SREM', KEYS[3]) or refusal
end

-- Whoever was the owner stays an admin.
function changes.own()
  if rank < 3 then return refusal end
  if theirs == 3 then return 'OLD' end
  if not member then return 'OUTSIDE' end
  if room[2] and redis.call('SISMEMBER', KEYS[2], room[2]) == 1 then
    redis.call('SADD', KEYS[3], room[2])
  end
  redis.call('SREM', KEYS[3], user)
  redis.call('HSET', KEYS[1], 'owner', user)
  return 'NEW'
end

return changes[ARGV[4]]()
