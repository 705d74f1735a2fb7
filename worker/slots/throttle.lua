-- Let one request through, or say how long to wait (generic cell rate algorithm with a burst).
--
-- KEYS[1]     {<prefix>throttle}:<kind>:<id>   string   server time at which the bucket is empty again, µs;
--                                                       expires at that instant, when it holds nobody up
--
-- ARGV[1]     µs one request takes to drain
-- ARGV[2]     how many requests may be in the bucket at once
--
-- Returns 0 when the request may pass, otherwise the µs after which one may.
--
-- Invariant: over any length of time T at most burst + T / interval requests pass. One that is turned away
-- takes no place, so that a client that keeps asking is let in as soon as its turn comes.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])

local empty_at = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '') or 0)
-- No bucket is fuller than full: the server's clock was set back, and nobody is to wait for it to catch up.
empty_at = math.min(empty_at, now + interval * burst)

local wait = empty_at + interval - (now + interval * burst)
if wait > 0 then
  return wait
end
redis.call('SET', KEYS[1], empty_at + interval, 'PX', math.ceil((empty_at + interval - now) / 1000))
return 0
