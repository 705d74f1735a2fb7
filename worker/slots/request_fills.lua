-- Add campaigns that are to be filled, and take the right to send the one message that says so.
--
-- KEYS[1]     {<prefix>fills}:wanted        set      "<team> <campaign>"
-- KEYS[2]     {<prefix>fills}:outstanding   string   server time at which a message was sent, ms
--
-- ARGV[1]     for how long a message is waited for, ms
-- ARGV[2…]    "<team> <campaign>"
--
-- Returns 1 when the caller is to send the message, 0 while another's is on its way.
--
-- Invariant: what is in the set is taken by whoever receives a message that was sent after it was put there, or found
-- by the tick. A server whose clock was set back keeps the key for as long as the clock was ahead, so the time in it
-- counts: as long ago as it is far away.

for at = 2, #ARGV do
  redis.call('SADD', KEYS[1], ARGV[at])
end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local sent_at = tonumber(redis.call('GET', KEYS[2]) or nil)

if sent_at and math.abs(now_ms - sent_at) < tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[2], now_ms, 'PX', ARGV[1])
return 1
