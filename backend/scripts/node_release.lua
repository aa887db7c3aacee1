-- Whoever cleared away after a node is done.
-- KEYS: its reaper, its life
-- ARGV: who it was, the dead one's last heartbeat
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
local life = redis.call('GET', KEYS[2])
if life and tonumber(life) <= tonumber(ARGV[2]) then redis.call('DEL', KEYS[2]) end
return 'OK'
