-- A message goes, and is in no key afterwards.
-- KEYS: list, messages, reactions, and of an inbox sent:<id>
-- ARGV: id, channel, the rest of an event; empty: none, milliseconds for which a push under
--   this id is answered as one that was made: one that a crash held up must not bring it back
-- Answers OK; MISSING: it was not kept; the event is published all the same.
local there = redis.call('HDEL', KEYS[2], ARGV[1]) == 1
if there then redis.call('LREM', KEYS[1], 1, ARGV[1]) end
redis.call('HDEL', KEYS[3], ARGV[1])
if KEYS[4] then redis.call('SET', KEYS[4], ARGV[1] .. ' 0', 'NX', 'PX', ARGV[4]) end
if ARGV[3] ~= '' then redis.call('PUBLISH', ARGV[2], '{"v":1,"id":0,"seq":0,' .. ARGV[3]) end
return there and 'OK' or 'MISSING'
