#!lua name=profilestream
-- The only writer of profiles. Lua in Redis is isolated, not transactional: nothing is rolled back after
-- an error. So each function reads and checks everything first and writes last, and because these are
-- Functions without allow-oom, a full server refuses the call before its first write.
-- All times are epoch ms.

-- ps_load: token and state of customers.
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

local function rows(text)
  local out, at = {}, 1
  while at <= #text do
    local row, lengths = {}, {}
    row[1], row[2], lengths[1], lengths[2], lengths[3], lengths[4], lengths[5], lengths[6], lengths[7], at =
      struct.unpack('>I2i8I4I4I4I4I4I4I4', text, at)
    for i = 1, 7 do
      row[i + 2] = string.sub(text, at, at + lengths[i] - 1)
      at = at + lengths[i]
    end
    out[#out + 1] = row
  end
  return out
end

-- What is new in histories: position of the customer, from 1 -> its lines; '' = the history is to be empty.
local function news(text)
  local out, at = {}, 1
  while at <= #text do
    local i, length, from = struct.unpack('>I2I4', text, at)
    at = from + length
    out[i + 1] = string.sub(text, from, at - 1)
  end
  return out
end

-- The newest lines of a text, at most so many; found one by one, as gsub would copy the text to count them.
local function newest(text, most)
  local breaks, at = {}, string.find(text, '\n', 1, true)
  while at do
    breaks[#breaks + 1] = at
    at = string.find(text, '\n', at + 1, true)
  end
  local dropped = #breaks + 1 - most
  return dropped > 0 and string.sub(text, breaks[dropped] + 1) or text
end

-- ps_commit: store the new state of customers, each only if nobody wrote it in between.
--   KEYS[1..3b]    for each of b buckets: due, sorted set of wake-ups; outbox, stream of tag changes; and the
--                  revision of the catalogue in force
--   KEYS[3b+1..]   profile hashes, one a customer, then the sets of members that are named in the rows; on a
--                  cluster all keys are of one bucket
--   ARGV[1]        rows, one a customer in the order of the keys: a header of big-endian numbers (number
--                  of its bucket among the b, from 0; wake-up, -1 = as it was, 0 = none; seven lengths), then
--                  customer id, expected token ('' = must not exist), new token, state, document, the tag
--                  changes, a line each ('' = none), and the sets of members to join (+) or leave (-), 16 bits
--                  each: number of the set's key, from 1. One argument: a client packs thousands slowly.
--   ARGV[2]        b
--   ARGV[3]        revision of the catalogue under which the writer judged
--   ARGV[4]        at most so many lines of history a customer
--   ARGV[5]        histories, one for each customer with news: 16 bits, its row from 0; 32 bits, length; lines
--                  to append, '' = empty the history. Apart from the rows, so that a library and a caller of
--                  before there were histories understand each other while a deployment is upgraded.
--   Output         positions (0-based) of the customers that were stale: nothing was written for them; or
--                  just -1: a newer catalogue is in force, nothing was written at all
local function commit(keys, args)
  local writes, first = rows(args[1]), 3 * args[2]
  local added, most = news(args[5] or ''), tonumber(args[4])
  for i = 1, first, 3 do
    redis.call('ZCARD', keys[i])  -- a key of the wrong type fails here, before any write
    redis.call('XLEN', keys[i + 1])
    if tonumber(redis.call('GET', keys[i + 2]) or '0') > tonumber(args[3]) then
      return {-1}
    end
  end
  local sets = first + #writes
  for i = sets + 1, #keys do
    redis.call('SCARD', keys[i])
  end
  local stored = {}
  for i = 1, #writes do
    stored[i] = redis.call('HGET', keys[first + i], 'tk') or ''
  end
  local stale = {}
  for i = 1, #writes do
    local slot, wake, id, expect, token, state, doc, changes, members = unpack(writes[i])
    if stored[i] ~= expect then
      stale[#stale + 1] = i - 1
    else
      local key = keys[first + i]
      redis.call('HSET', key, 'tk', token, 'st', state, 'doc', doc)
      local lines = added[i]
      if lines then
        local kept = redis.call('HGET', key, 'log') or ''
        if lines ~= '' then
          redis.call('HSET', key, 'log', newest(kept == '' and lines or kept .. '\n' .. lines, most))
        elseif kept ~= '' then
          redis.call('HSET', key, 'log', '')
        end
      end
      if wake == 0 then
        redis.call('ZREM', keys[3 * slot + 1], id)
      elseif wake > 0 then
        redis.call('ZADD', keys[3 * slot + 1], wake, id)
      end
      if changes ~= '' then
        redis.call('XADD', keys[3 * slot + 2], '*', 'c', id, 'e', changes)
      end
      for at = 1, #members, 2 do
        local set = struct.unpack('>i2', members, at)
        redis.call(set > 0 and 'SADD' or 'SREM', keys[sets + math.abs(set)], id)
      end
    end
  end
  return stale
end

-- ps_due: customers whose wake-up has come, earliest first in each bucket.
--   KEYS[1..n]  due sets
--   ARGV[1]     epoch ms up to which
--   ARGV[2]     at most so many of each set
--   Output      customer ids
local function due(keys, args)
  local out = {}
  for i = 1, #keys do
    local found = redis.call('ZRANGE', keys[i], '-inf', args[1], 'BYSCORE', 'LIMIT', 0, args[2])
    for j = 1, #found do out[#out + 1] = found[j] end
  end
  return out
end

-- ps_outbox: the oldest entries of outboxes.
--   KEYS[1..n]  outbox streams
--   ARGV[1]     at most so many of each
--   Output      one array a key, as XRANGE: entry id, then field, customer id, field, changes
local function outbox(keys, args)
  local out = {}
  for i = 1, #keys do
    out[i] = redis.call('XRANGE', keys[i], '-', '+', 'COUNT', args[1])
  end
  return out
end

-- ps_delivered: delete entries of outboxes.
--   KEYS[1..n]  outbox streams
--   ARGV        for each key: how many entries, then their ids
--   Output      how many were deleted
local function delivered(keys, args)
  local gone, at = 0, 1
  for i = 1, #keys do
    for j = at + 1, at + tonumber(args[at]) do
      gone = gone + redis.call('XDEL', keys[i], args[j])
    end
    at = at + 1 + tonumber(args[at])
  end
  return gone
end

-- A revision counts what customers are judged under: the catalogue, and the population snapshot.
local function revise(keys, first)
  local revision = redis.call('HINCRBY', keys[1], 'revision', 1)
  redis.call('HSET', keys[1], 'judged', 0)
  for i = first, #keys do redis.call('SET', keys[i], revision) end
  return revision
end

-- ps_apply: put a catalogue into force, for all buckets at once.
--   KEYS[1]      hash of what is in force: revision, text, since (revision of the text), applied, retired
--                (sets of members that nobody keeps any more), judged
--   KEYS[2..]    revision of each bucket
--   ARGV[1]      revision of the text that it replaces, 0 = none
--   ARGV[2..4]   text, epoch ms, retired
--   Output       the revision of the text now in force: a new one, or another where ARGV[1] was not in force
local function apply(keys, args)
  local since = tonumber(redis.call('HGET', keys[1], 'since') or '0')
  if since ~= tonumber(args[1]) then return since end
  local revision = revise(keys, 2)
  redis.call('HSET', keys[1], 'text', args[2], 'since', revision, 'applied', args[3], 'retired', args[4])
  return revision
end

-- ps_publish: put a population snapshot into force, for all buckets at once.
--   KEYS[1]      hash of what is in force, see ps_apply
--   KEYS[2]      population hash: version, snapshot, trainer (what the trainer needs to go on)
--   KEYS[3..]    revision of each bucket
--   ARGV[1]      version that it replaces, 0 = none
--   ARGV[2..4]   version, snapshot, trainer
--   Output       1 = it is in force now, 0 = ARGV[1] was not in force, or the version is not newer; never the
--                version: of two that made the same one out of the same parent, one must learn that it lost
local function publish(keys, args)
  local now = tonumber(redis.call('HGET', keys[2], 'version') or '0')
  if now ~= tonumber(args[1]) or tonumber(args[2]) <= now then return 0 end
  redis.call('HSET', keys[2], 'version', args[2], 'snapshot', args[3], 'trainer', args[4])
  revise(keys, 3)
  return 1
end

-- ps_lease: take a lease, renew it, or let it go.
--   KEYS[1]      the lease: its holder
--   ARGV[1]      random token of the caller
--   ARGV[2]      ms for which it is taken from now on, 0 = let it go
--   Output       1 = the caller holds it (or held it, when it is let go), 0 = another does
local function lease(keys, args)
  local holder = redis.call('GET', keys[1])
  if holder and holder ~= args[1] then return 0 end
  if args[2] == '0' then
    redis.call('DEL', keys[1])
  else
    redis.call('SET', keys[1], args[1], 'PX', args[2])
  end
  return 1
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
redis.register_function{function_name = 'ps_due', callback = due, flags = {'no-writes'}}
redis.register_function{function_name = 'ps_outbox', callback = outbox, flags = {'no-writes'}}
redis.register_function('ps_commit', commit)
redis.register_function('ps_delivered', delivered)
redis.register_function('ps_apply', apply)
redis.register_function('ps_publish', publish)
redis.register_function('ps_lease', lease)
redis.register_function('ps_watermark', watermark)
