-- The last of a room that was deleted, unless another one is there by now.
-- KEYS: record
-- ARGV: the number that it had
if redis.call('HGET', KEYS[1], 'going') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 'OK'
