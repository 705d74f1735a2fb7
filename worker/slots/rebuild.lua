-- Write one chunk of the live calls while the semaphore is closed.
--
-- KEYS[1]     {<prefix>slots}:generation   string   must be missing: that is what "closed" means
-- KEYS[2…]    {<prefix>slots}:<kind>:<id>  zset     member = call id, score = server time of the grant, ms
--
-- ARGV        five for each call: call id, and the index in KEYS of its team, campaign, number and account
--
-- Returns 1, or 0 when a generation stands: another rebuild has finished, and this one must stop.
--
-- Invariant: a rebuild that was overtaken writes nothing into the semaphore that overtook it. Limits are not
-- asked: a call that is live holds its slots, whatever the limit is now.

if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)

for at = 1, #ARGV, 5 do
  for kind = 1, 4 do
    redis.call('ZADD', KEYS[tonumber(ARGV[at + kind])], now_ms, ARGV[at])
  end
end

return 1
