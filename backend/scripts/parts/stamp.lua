-- The stamp that begins every line: the store allocates id and seq and splices them
-- in front of the bytes that it was given, which it never reads.
local function line(id, seq, rest)
  return '{"v":1,"id":' .. id .. ',"seq":' .. seq .. ',' .. rest
end

local function seq_of(stored)
  return tonumber(string.match(stored, '^{"v":1,"id":%d+,"seq":(%d+),'))
end
