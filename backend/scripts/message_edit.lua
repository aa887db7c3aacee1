-- A message gets other content behind its own stamp.
-- KEYS: messages
-- ARGV: id, the envelope's rest, channel, the rest of an event; empty: none
-- Answers OK; MISSING: it is not kept; the event is published all the same.
local stored = redis.call('HGET', KEYS[1], ARGV[1])
if stored then
  local stamp = string.match(stored, '^{"v":1,"id":%d+,"seq":%d+,')
  redis.call('HSET', KEYS[1], ARGV[1], stamp .. ARGV[2])
end
if ARGV[4] ~= '' then redis.call('PUBLISH', ARGV[3], '{"v":1,"id":0,"seq":0,' .. ARGV[4]) end
return stored and 'OK' or 'MISSING'
