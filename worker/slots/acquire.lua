-- Take one slot in every scope of each call, or in none of them.
--
-- KEYS[1]     {<prefix>slots}:generation   string   the generation the members were built under
-- KEYS[2…]    {<prefix>slots}:<kind>:<id>  zset     member = call id, score = server time of the grant, ms
--
-- ARGV[1]     the generation the caller read from PostgreSQL
-- ARGV[i]     for every i from 2 to #KEYS: the limit of KEYS[i]
-- then, five for each call, in the order in which they are served:
--             call id, and the index in KEYS of its team, campaign, number and account
--
-- Returns nil when the generation is missing or another one: nothing was read or written, rebuild first.
-- Otherwise one integer for each call: 0 when it was granted, else the sum of the kinds that were full
-- (team 1, campaign 2, number 4, account 8).
--
-- Invariant: a scope never grows past the limit given here, and every scope of a call is checked before any
-- is written, so a refused call changes nothing. A call that is a member already takes no second slot; asking
-- again only renews its score, so a granted call is safe from the reconciler for the whole grace.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}

for at = #KEYS + 1, #ARGV, 5 do
  local call = ARGV[at]
  local full = 0
  for kind = 1, 4 do
    local scope = tonumber(ARGV[at + kind])
    if not redis.call('ZSCORE', KEYS[scope], call)
       and redis.call('ZCARD', KEYS[scope]) >= tonumber(ARGV[scope]) then
      full = full + 2 ^ (kind - 1)
    end
  end
  if full == 0 then
    for kind = 1, 4 do
      redis.call('ZADD', KEYS[tonumber(ARGV[at + kind])], now_ms, call)
    end
  end
  answers[#answers + 1] = full
end

return answers
