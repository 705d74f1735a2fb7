-- Take out members that were found without a live call.
--
-- KEYS[1]     {<prefix>slots}:generation   string   the generation the members were built under
-- KEYS[2…]    {<prefix>slots}:<kind>:<id>  zset     member = call id, score = server time of the grant, ms
--
-- ARGV[1]     the generation the caller read from PostgreSQL
-- then, three for each member: index of its scope in KEYS, call id, the score it was seen with
--
-- Returns nil when the generation is missing or another one, otherwise the ids that were taken out.
--
-- Invariant: a member leaves only if nobody touched it since it was seen; one that was granted again in
-- between has a new score and stays.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return false
end

local dropped = {}

for at = 2, #ARGV, 3 do
  local scope, call = KEYS[tonumber(ARGV[at])], ARGV[at + 1]
  local score = redis.call('ZSCORE', scope, call)
  -- Those who list the members take a score that none of ours has for the nearest one that ours could have.
  if score and math.max(0, math.min(tonumber(score), 253402300799000)) == tonumber(ARGV[at + 2]) then
    redis.call('ZREM', scope, call)
    dropped[#dropped + 1] = call
  end
end

return dropped
