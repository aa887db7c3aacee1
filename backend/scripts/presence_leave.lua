-- A session of a user ends. From the last one on the grace period runs, in which the user's
-- contacts hold them for online (contacts_news.lua).
-- KEYS: profile, sessions
-- ARGV: session
if redis.call('HDEL', KEYS[2], ARGV[1]) == 1 and redis.call('EXISTS', KEYS[2]) == 0 and
  redis.call('HGET', KEYS[1], 'shown') == 'online' then
  redis.call('HSET', KEYS[1], 'shown', 'left ' .. ARGV[1])
end
return 'OK'
