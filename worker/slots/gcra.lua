-- How long each request waits, so that no rate is exceeded (generic cell rate algorithm, burst 1).
--
-- KEYS[…]     {<prefix>rates}:<kind>:<id>  string   server time of the last instant handed out, µs; expires
--                                                   one interval after it, when it holds nobody up any more
--
-- ARGV[1]     horizon: the longest wait worth having, µs
-- ARGV[2]     the longest horizon anybody may ask with, µs
-- then, for each request, in the order in which they are served:
--             n, and n times: index of the rate in KEYS, µs between two requests under it
--
-- Returns one integer for each request: µs to wait, or -1 when that would be longer than the horizon.
--
-- Invariant: an instant lies at least the interval it was asked with after the one handed out before it under
-- the same rate. A request takes its place in all of its rates or, answered -1, in none.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local horizon, longest_horizon = tonumber(ARGV[1]), tonumber(ARGV[2])
local last_at, expires_at = {}, {}

for key = 1, #KEYS do
  last_at[key] = tonumber(redis.call('GET', KEYS[key]) or '')
  -- Nobody was ever sent that far ahead: the server's clock was set back. Believing it would keep the account
  -- silent for as long as the clock had been ahead.
  if last_at[key] and last_at[key] > now + longest_horizon then
    last_at[key] = nil
  end
end

local waits = {}
local at = 3
while at <= #ARGV do
  local first, last = at + 1, at + 2 * tonumber(ARGV[at])
  local leaves_at = now
  for pair = first, last, 2 do
    local key, interval = tonumber(ARGV[pair]), tonumber(ARGV[pair + 1])
    if last_at[key] then
      leaves_at = math.max(leaves_at, last_at[key] + interval)
    end
  end
  if leaves_at - now > horizon then
    waits[#waits + 1] = -1
  else
    for pair = first, last, 2 do
      local key, interval = tonumber(ARGV[pair]), tonumber(ARGV[pair + 1])
      last_at[key] = leaves_at
      expires_at[key] = leaves_at + interval
    end
    waits[#waits + 1] = leaves_at - now
  end
  at = last + 1
end

for key, gone_at in pairs(expires_at) do
  redis.call('SET', KEYS[key], last_at[key], 'PX', math.ceil((gone_at - now) / 1000))
end

return waits
