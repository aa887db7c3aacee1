-- One message that is kept.
-- KEYS: messages, reactions
-- ARGV: id
-- Answers as messages_latest: 0, 0, where it is there its line, and its reactions.
local line = redis.call('HGET', KEYS[1], ARGV[1])
if not line then return {0, 0} end
return {0, 0, line, redis.call('HGET', KEYS[2], ARGV[1]) or nil}
