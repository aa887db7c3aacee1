-- Which nodes are dead: those that were not heard of for the lease are marked, by which
-- they lose it, whether or not whoever asks lives to clear them away.
-- KEYS: nodes
-- ARGV: lease (ms); 0: mark none
-- Answers the marked ones, each with its last heartbeat.
if ARGV[1] ~= '0' then
  local time = redis.call('TIME')
  local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  local limit = string.format('%d', now - tonumber(ARGV[1]))
  local late = redis.call('ZRANGEBYSCORE', KEYS[1], '0', '(' .. limit, 'WITHSCORES')
  for i = 1, #late, 2 do redis.call('ZADD', KEYS[1], '-' .. late[i + 1], late[i]) end
end
local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(0', 'WITHSCORES')
for i = 2, #dead, 2 do dead[i] = string.sub(dead[i], 2) end
return dead
