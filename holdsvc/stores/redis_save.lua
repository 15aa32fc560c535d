-- One save: the session, its alarm, its place among those who wait, what it adds to the sums, and its entry in the log. All of it or nothing.
-- KEYS  call waiting due sums log words callbacks letters lines, then where each letter is due
-- ARGV  version session facts waiting wake_at caller keep ref entry publish name callback value; the number of letters and, of each,
--       its place, itself and when it is due; then pairs: sum, what is added
--       publish: the command by which others are told of the entry, "" for not at all; name: what stands before it then
--       callback: id of the one that was asked for, "" for none
--       caller: 0 as told, 1 nobody, forget: nobody, and never again in this call
-- Returns  1 kept, 0 another version is there, -1 the caller was forgotten: send it without
local kept = redis.call('HMGET', KEYS[1], 'version', 'facts', 'forgotten')
local version, facts = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0
if version + 1 ~= tonumber(ARGV[1]) then
  return 0
end
if kept[3] and ARGV[6] == '0' then
  return -1
end
redis.call('HSET', KEYS[1], 'version', ARGV[1], 'session', ARGV[2], 'facts', facts + tonumber(ARGV[3]))
if ARGV[6] == 'forget' then
  redis.call('HSET', KEYS[1], 'forgotten', 1)
end
if ARGV[4] == '1' then
  redis.call('SADD', KEYS[2], ARGV[8])
  redis.call('PERSIST', KEYS[1])
else
  redis.call('SREM', KEYS[2], ARGV[8])
  redis.call('EXPIRE', KEYS[1], ARGV[7])
end
if ARGV[5] ~= '' and ARGV[4] == '1' then
  redis.call('ZADD', KEYS[3], ARGV[5], ARGV[8])
else
  redis.call('ZREM', KEYS[3], ARGV[8])
end
if ARGV[12] ~= '' then
  redis.call('HSET', KEYS[7], ARGV[12], ARGV[13])
end
for n = 1, ARGV[14] do
  local place, letter, due = ARGV[12 + 3 * n], ARGV[13 + 3 * n], ARGV[14 + 3 * n]
  if redis.call('HSETNX', KEYS[8], place, letter) == 1 then
    redis.call('ZADD', KEYS[9], 0, place)
    redis.call('ZADD', KEYS[9 + n], due, place)
  end
end
for n = 15 + 3 * ARGV[14], #ARGV, 2 do
  redis.call('HINCRBYFLOAT', KEYS[4], ARGV[n], ARGV[n + 1])
end
redis.call('XADD', KEYS[5], '*', 'e', ARGV[9])
if ARGV[10] ~= '' then
  redis.call(ARGV[10], KEYS[6], ARGV[11] .. ARGV[9])
end
return 1
