-- A message of a dialog, into its log: dedupe, stamp, append and trim. Those who hear of it do
-- so by their inboxes, where it is pushed under the same id.
-- KEYS: log, messages, record, reactions, and where there is something to dedupe by, sent:<hash>
-- ARGV: as room_send; 2 and 6 are empty; 8: what is not stored is only stamped
-- Answers "id seq"; "=id seq" of a repeated send, and behind it what the log holds of it behind
-- its stamp; NOBLOCK: call again with a block.
local call = redis.call
local list, messages, counters, reactions, sent = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local stored, known, current = ARGV[8] == '1', false, true
local counter = call('HMGET', counters, 'seq', 'block', 'n', 'day', ARGV[9], 'epoch')
-- include allocate
-- include append
-- include publish
