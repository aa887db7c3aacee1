-- Changes what is known of a user.
-- KEYS: profile
-- ARGV: 1 field, 2 value, ...
-- include fields
local user = redis.call('HMGET', KEYS[1], 'num', 'deleted')
if not user[1] or user[2] then return 'NOUSER' end
set_fields(KEYS[1], 1)
return 'OK'
