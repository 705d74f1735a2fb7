-- Take the right to send the one message of its kind.
--
-- KEYS[1]     {<prefix>nudge}:<kind>   string   server time at which it was taken, ms; expires when it holds nobody up
--
-- ARGV[1]     for how long the message it stands for is waited for, ms
--
-- Returns 1 when the caller has it now, or 0 while another's message is on its way; 2 when the caller has it in place
-- of something that is none of ours, which would else keep every message from being sent.
--
-- Invariant: it is away no longer than that. A server whose clock was set back keeps the key for as long as the clock
-- was ahead, so the time in it counts: as long ago as it is far away.

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local kind = redis.call('TYPE', KEYS[1]).ok
local taken_at = kind == 'string' and tonumber(redis.call('GET', KEYS[1])) or nil

if taken_at and math.abs(now_ms - taken_at) < tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], now_ms, 'PX', ARGV[1])
return (kind == 'none' or taken_at) and 1 or 2
