-- A node is off the list: it was cleared away, or ends by itself.
-- KEYS: nodes
-- ARGV: node, cleared; or node, clean: nothing is left of it; or node, left: something is
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score then return 'OK' end
local marked = tonumber(score) < 0
if ARGV[2] == 'left' then
  if not marked then redis.call('ZADD', KEYS[1], '-' .. score, ARGV[1]) end
elseif marked == (ARGV[2] == 'cleared') then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return 'OK'
