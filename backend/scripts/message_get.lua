-- One message that is kept.
-- KEYS: messages
-- ARGV: id
-- Answers as list_page: 0, 0, its line where it is there.
return {0, 0, redis.call('HGET', KEYS[1], ARGV[1]) or nil}
