-- Take campaigns that are to be filled.
--
-- KEYS[1]     {<prefix>fills}:wanted        set      "<team> <campaign>"
-- KEYS[2]     {<prefix>fills}:outstanding   string   server time at which a message was sent, ms
--
-- ARGV[1]     how many at most
-- ARGV[2]     for how long a message is waited for, ms
--
-- Returns those taken, and 1 when there are more and the caller is to send a message for them, else 0.
--
-- Invariant: with nothing left no message is outstanding, so that whoever adds the next sends one.

local taken = redis.call('SPOP', KEYS[1], ARGV[1])
if redis.call('SCARD', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[2])
  return {taken, 0}
end
local time = redis.call('TIME')
redis.call('SET', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), 'PX', ARGV[2])
return {taken, 1}
