-- The refusal of a call that comes later than anybody waits for it, by Redis' clock (ms; '0': there
-- is no such time): it hung on its way, and who sent it has given it up, or is dead. Else nothing.
local function late(till)
  if till == '0' then return nil end
  local time = redis.call('TIME')
  if tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) <= tonumber(till) then return nil end
  return redis.error_reply('LATE nobody waits for this any more')
end
