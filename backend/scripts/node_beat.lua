-- A node's heartbeat. Its score is the time of the last one, by Redis' clock; a negative
-- one says that the node is held for dead and being cleared away.
-- KEYS: nodes
-- ARGV: node, begin (a new process), again (after LOST) or beat
-- Answers what the lease is, and the time: HELD; LOST; BUSY: not before it was cleared away,
-- and the last heartbeat of what is to be.
local time = redis.call('TIME')
local now = string.format('%d', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if ARGV[2] == 'beat' then
  if not score or tonumber(score) < 0 then return {'LOST', now} end
elseif score then
  if ARGV[2] == 'begin' and tonumber(score) > 0 then
    -- Left behind by an earlier process of the same name.
    redis.call('ZADD', KEYS[1], '-' .. score, ARGV[1])
    return {'BUSY', now, score}
  end
  if tonumber(score) < 0 then return {'BUSY', now, string.sub(score, 2)} end
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
return {'HELD', now}
