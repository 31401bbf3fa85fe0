#!lua name=profilestream
-- The only writer of profiles. Lua in Redis is isolated, not transactional: nothing is rolled back after
-- an error. So each function reads and checks everything first and writes last, and because these are
-- Functions without allow-oom, a full server refuses the call before its first write.
-- All times are epoch ms.

-- ps_load: token and state of customers of one bucket.
--   KEYS[1..n]  profile hashes
--   Output      2n bulk strings: token, state; both empty where the profile does not exist
local function load(keys, _)
  local out = {}
  for i = 1, #keys do
    local found = redis.call('HMGET', keys[i], 'tk', 'st')
    out[2 * i - 1] = found[1] or ''
    out[2 * i] = found[2] or ''
  end
  return out
end

-- ps_commit: store the new state of customers of one bucket, each only if nobody wrote it in between.
--   KEYS[1]     due      sorted set of wake-ups
--   KEYS[2]     outbox   stream of tag changes
--   KEYS[3..]   profile hashes, one a customer
--   ARGV        seven per customer, in the order of the keys: customer id, expected token ('' = must not
--               exist), new token, state, document, wake-up ('' = as it was, '0' = none), and the tag
--               changes, a line each ('' = none)
--   Output      positions (0-based) of the customers that were stale: nothing was written for them
local function commit(keys, args)
  redis.call('ZCARD', keys[1])  -- a key of the wrong type fails here, before any write
  redis.call('XLEN', keys[2])
  local stored = {}
  for i = 3, #keys do
    stored[i] = redis.call('HGET', keys[i], 'tk') or ''
  end
  local stale, at = {}, 1
  for i = 3, #keys do
    if stored[i] ~= args[at + 1] then
      stale[#stale + 1] = i - 3
    else
      redis.call('HSET', keys[i], 'tk', args[at + 2], 'st', args[at + 3], 'doc', args[at + 4])
      local wake, changes = args[at + 5], args[at + 6]
      if wake == '0' then
        redis.call('ZREM', keys[1], args[at])
      elseif wake ~= '' then
        redis.call('ZADD', keys[1], wake, args[at])
      end
      if changes ~= '' then
        redis.call('XADD', keys[2], '*', 'c', args[at], 'e', changes)
      end
    end
    at = at + 7
  end
  return stale
end

-- ps_outbox: the oldest entries of an outbox.
--   KEYS[1]     outbox stream
--   ARGV[1]     at most so many
--   Output      as XRANGE: entry id, then field, customer id, field, changes
local function outbox(keys, args)
  return redis.call('XRANGE', keys[1], '-', '+', 'COUNT', args[1])
end

-- ps_watermark: up to where the effects of each input partition are stored; fenced by group generation.
--   KEYS[1]     watermarks hash
--   ARGV[1]     generation of the caller
--   ARGV[2]     '1' = a stored generation above the caller's is void (the group was created anew)
--   ARGV[3..]   pairs: source, offset ('' = leave the offset, claim the partition)
--   Output      one bulk string a pair: the offset now stored ('' = none), or 'fenced'
local function watermark(keys, args)
  local generation, out = tonumber(args[1]), {}
  for i = 3, #args, 2 do
    local offset, owner = '', -1
    local stored = redis.call('HGET', keys[1], args[i])
    if stored then
      local o, g = string.match(stored, '^(%-?%d*):(%-?%d+)$')
      offset, owner = o, tonumber(g)
    end
    if owner > generation and args[2] ~= '1' then
      out[#out + 1] = 'fenced'
    else
      if args[i + 1] ~= '' then offset = args[i + 1] end
      redis.call('HSET', keys[1], args[i], offset .. ':' .. args[1])
      out[#out + 1] = offset
    end
  end
  return out
end

redis.register_function{function_name = 'ps_load', callback = load, flags = {'no-writes'}}
redis.register_function{function_name = 'ps_outbox', callback = outbox, flags = {'no-writes'}}
redis.register_function('ps_commit', commit)
redis.register_function('ps_watermark', watermark)
