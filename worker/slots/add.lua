-- Put in live calls that were found without a slot.
--
-- KEYS[1]     {<prefix>slots}:generation   string   the generation the members were built under
-- KEYS[2…]    {<prefix>slots}:<kind>:<id>  zset     member = call id, score = server time of the grant, ms
--
-- ARGV[1]     the generation the caller read from PostgreSQL
-- then, two for each member: index of its scope in KEYS, call id
--
-- Returns nil when the generation is missing or another one, otherwise the ids that were put in.
--
-- Invariant: a member that is there keeps its score. Limits are not asked: a call that is live holds its
-- slots, whatever the limit is now.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local added = {}

for at = 2, #ARGV, 2 do
  if redis.call('ZADD', KEYS[tonumber(ARGV[at])], 'NX', now_ms, ARGV[at + 1]) == 1 then
    added[#added + 1] = ARGV[at + 1]
  end
end

return added
