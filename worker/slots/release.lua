-- Give back the slots of calls, in every scope.
--
-- KEYS[…]     {<prefix>slots}:<kind>:<id>  zset     member = call id, score = server time of the grant, ms
--
-- ARGV        five for each call: call id, and the index in KEYS of its team, campaign, number and account
--
-- Returns how many of the calls held a slot in at least one scope.
--
-- Invariant: only the named calls leave, and a call that is gone already frees nothing, however often it is
-- released. No generation is asked for: leaving is right under any of them.

local left = 0

for at = 1, #ARGV, 5 do
  local removed = 0
  for kind = 1, 4 do
    removed = removed + redis.call('ZREM', KEYS[tonumber(ARGV[at + kind])], ARGV[at])
  end
  if removed > 0 then
    left = left + 1
  end
end

return left
