-- A page of an inbox or of a room's log.
-- KEYS: list, messages, counters, reactions
-- ARGV: after this seq, at most so many, at most so many bytes, entries are kept from this day on
-- Answers the newest seq, 1 when there is more, the lines.
-- include page
local out = {}
page(out, KEYS[1], KEYS[2], KEYS[3], KEYS[4], tonumber(ARGV[1]), tonumber(ARGV[2]),
  tonumber(ARGV[3]), tonumber(ARGV[4]))
return out
