-- Tells the nodes that hold the user's sessions: those that came in with this credential end.
local function tell_revoked(channel, now, id)
  redis.call('PUBLISH', channel, '{"v":1,"id":0,"seq":0,"kind":"session.revoked","ts":' .. now ..
    ',"body":{"credential":' .. cjson.encode(id) .. '}}')
end
