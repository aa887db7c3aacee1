-- Sets the fields of a hash that stand in ARGV from `first` on: field, value, ...; one whose value
-- is empty is taken out.
local function set_fields(key, first)
  for i = first, #ARGV, 2 do
    if ARGV[i + 1] == '' then
      redis.call('HDEL', key, ARGV[i])
    else
      redis.call('HSET', key, ARGV[i], ARGV[i + 1])
    end
  end
end
