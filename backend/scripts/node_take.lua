-- The next sessions of a dead node that are to be cleared away.
-- KEYS: the node's sessions, its lost ones, its reaper, its life
-- ARGV: who asks, so long is the lock held (ms), at most so many, the dead one's last heartbeat
-- Answers BUSY: another reaper is at it; or session, "protocol user", ...; none left: nothing.
local reaper = redis.call('GET', KEYS[3])
if reaper and reaper ~= ARGV[1] then return 'BUSY' end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
-- A life that began after that heartbeat is not the dead one's: whoever asks is late, and the
-- node is back.
local life = redis.call('GET', KEYS[4])
if (not life or tonumber(life) <= tonumber(ARGV[4])) and redis.call('EXISTS', KEYS[2]) == 0 and
  redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], KEYS[2])
end
return redis.call('HRANDFIELD', KEYS[2], ARGV[3], 'WITHVALUES')
