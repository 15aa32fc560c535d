-- What became of one letter.
-- KEYS  letters due lines dead
-- ARGV  place before after at dead
--       after: "" for nothing left to do; dead: "1" where it waits for a person then
-- Returns  1 kept, 0 it is another by now
local kept = redis.call('HGET', KEYS[1], ARGV[1]) or redis.call('HGET', KEYS[4], ARGV[1])
if not kept or (ARGV[3] ~= '' and kept ~= ARGV[2]) then
  return 0
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
if ARGV[3] ~= '' and ARGV[5] == '1' then
  redis.call('HSET', KEYS[4], ARGV[1], ARGV[3])
elseif ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
  redis.call('ZADD', KEYS[3], 0, ARGV[1])
end
return 1
