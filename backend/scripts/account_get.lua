-- A user.
-- KEYS: profile, sessions
-- Answers NOUSER, or as parts/account.lua says.
-- include account
return account(KEYS[1], KEYS[2])
