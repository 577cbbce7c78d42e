-- One round trip for every call admitted in one tick of the event loop.
-- ARGV[1] is a JSON list of batches; a batch is one of
--   ["claim", [["w", key, limit, seconds, cost], ["l", key, limit, owner, ttl], …]]
--   ["settle", key, difference]   ["release", key, owner]   ["turn", key]
-- The answer is a JSON list, one entry a batch:
--   claim → [denied index or -1, retry_after, [[remaining, reset], …]]; turn → number; the others → 0
-- A window is a list of "first-moment last-moment cost" (oldest first) and a running total beside it; the clock is Redis's.
local ENTRIES = tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1e6

local function parse(entry)
  local first, last, cost = string.match(entry, '^(%S+) (%S+) (%S+)$')
  return tonumber(first), tonumber(last), tonumber(cost)
end

local function forget(key, seconds)
  local total = tonumber(redis.call('GET', key .. ':total') or '0')
  local oldest = redis.call('LINDEX', key, 0)
  while oldest do
    local _, moment, cost = parse(oldest)
    if moment > now - seconds then break end
    redis.call('LPOP', key)
    total = total - cost
    oldest = redis.call('LINDEX', key, 0)
  end
  if redis.call('LLEN', key) == 0 then total = 0 end
  redis.call('SET', key .. ':total', string.format('%d', total), 'PX', math.ceil(seconds * 1000) + 1000)
  return total
end

local function window_room(c)
  local key, limit, seconds, cost = c[2], c[3], c[4], c[5]
  local room = limit - forget(key, seconds)
  local wait, reset = 0, 0
  local newest = redis.call('LINDEX', key, -1)
  if newest then
    local _, moment = parse(newest)
    reset = moment + seconds - now
  end
  if room < cost then
    wait = seconds
    local freed = room
    for _, entry in ipairs(redis.call('LRANGE', key, 0, -1)) do
      local _, moment, spent = parse(entry)
      freed = freed + spent
      if freed >= cost then wait = moment + seconds - now; break end
    end
  end
  return room, wait, reset
end

local function lease_room(c)
  local key, limit = c[2], c[3]
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.6f', now))
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  local wait = first[2] and (tonumber(first[2]) - now) or 0
  return limit - redis.call('ZCARD', key), wait, wait
end

local function take(c)
  if c[1] == 'l' then
    redis.call('ZADD', c[2], string.format('%.6f', now + c[5]), c[4])
    redis.call('PEXPIRE', c[2], math.ceil(c[5] * 1000) + 1000)
    return
  end
  local key, seconds, cost = c[2], c[4], c[5]
  local newest = redis.call('LINDEX', key, -1)
  if newest and redis.call('LLEN', key) >= ENTRIES then
    local first, _, spent = parse(newest)
    if now - first < seconds / ENTRIES then
      redis.call('LSET', key, -1, string.format('%.6f %.6f %d', first, now, spent + cost))
    else
      redis.call('RPUSH', key, string.format('%.6f %.6f %d', now, now, cost))
    end
  else
    redis.call('RPUSH', key, string.format('%.6f %.6f %d', now, now, cost))
  end
  local ttl = math.ceil(seconds * 1000) + 1000
  redis.call('PEXPIRE', key, ttl)
  redis.call('INCRBY', key .. ':total', string.format('%d', cost))
  redis.call('PEXPIRE', key .. ':total', ttl)
end

local function claim(claims)
  local standings = {}
  for index, c in ipairs(claims) do
    local room, wait, reset
    local cost = 1
    if c[1] == 'l' then room, wait, reset = lease_room(c)
    else room, wait, reset = window_room(c); cost = c[5] end
    if room < cost then
      standings[index] = {math.max(room, 0), reset}
      return {index - 1, wait, standings}
    end
    standings[index] = {room - cost, reset}
  end
  for _, c in ipairs(claims) do take(c) end
  return {-1, 0, standings}
end

local function settle(key, difference)
  local newest = redis.call('LINDEX', key, -1)
  if not newest then return 0 end
  local first, last, spent = parse(newest)
  difference = math.max(difference, -spent)
  redis.call('LSET', key, -1, string.format('%.6f %.6f %d', first, last, spent + difference))
  redis.call('INCRBY', key .. ':total', string.format('%d', difference))
  return 0
end

local answers = {}
for index, batch in ipairs(cjson.decode(ARGV[1])) do
  local verb = batch[1]
  if verb == 'claim' then answers[index] = claim(batch[2])
  elseif verb == 'turn' then answers[index] = redis.call('INCR', batch[2]) - 1
  elseif verb == 'release' then redis.call('ZREM', batch[2], batch[3]); answers[index] = 0
  else answers[index] = settle(batch[2], batch[3]) end
end
return cjson.encode(answers)
