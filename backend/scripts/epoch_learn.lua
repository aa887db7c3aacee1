-- When this master was first met in its present term (epoch.h), by its own clock.
-- KEYS: epoch
-- ARGV: 1 the term that the node met last, or nothing, 2 and its epoch, 3 '1': that nothing is kept
--   does not say that nothing was before
-- Answers "term epoch" (ms, 13 digits), as it is kept.
local term = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local kept = redis.call('GET', KEYS[1]) or ''
local of, epoch = string.match(kept, '^(%x+) (%d+)$')
epoch = tonumber(epoch or 0)
local from_elsewhere = ARGV[1] ~= '' and ARGV[1] ~= term
-- Who met a term before, and finds nothing kept, finds a Redis that was emptied.
local begins = not of and ARGV[3] == '' and ARGV[1] == ''
-- A master that was replaced, did not hear of it, and is the master again has the term of before:
-- the node knows of the one in between.
local is_late = from_elsewhere and epoch <= tonumber(ARGV[2])
if (of ~= term and not begins) or is_late then
  local now = redis.call('TIME')
  now = now[1] * 1000 + math.floor(now[2] / 1000)
  epoch = math.max(now, epoch + 1, ARGV[2] + 1)
end
local answer = term .. string.format(' %013d', epoch)
-- Where it cannot be kept (Redis is full, say) each node has its own.
if answer ~= kept then redis.pcall('SET', KEYS[1], answer) end
return answer
