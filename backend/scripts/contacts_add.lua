-- A user shares a dialog with another from now on.
-- KEYS: contacts
-- ARGV: 1 the other one, 2 how many at most
if redis.call('SCARD', KEYS[1]) < tonumber(ARGV[2]) then redis.call('SADD', KEYS[1], ARGV[1]) end
return 'OK'
