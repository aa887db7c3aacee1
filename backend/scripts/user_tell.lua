-- Tells all connections of a user, or everybody, something that is kept elsewhere.
-- KEYS: the channel
-- ARGV: the envelope's rest
redis.call('PUBLISH', KEYS[1], '{"v":1,"id":0,"seq":0,' .. ARGV[1])
return 'OK'
