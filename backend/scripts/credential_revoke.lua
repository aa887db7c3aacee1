-- A credential is good no more, and whoever came in with it is told.
-- KEYS: keys
-- ARGV: 1 its id, 2 now (ms), 3 the user's channel
-- include revoked
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return 'MISSING' end
tell_revoked(ARGV[3], ARGV[2], ARGV[1])
return 'OK'
