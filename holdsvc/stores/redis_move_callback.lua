-- One step in the life of a call-back: the value, what it adds to the sums, and its entry in the log. All of it or nothing.
-- KEYS  callbacks ended sums log
-- ARGV  id before after over keep entry, then pairs: sum, what is added
-- Returns  1 kept, 0 it is another by now
if (redis.call('HGET', KEYS[1], ARGV[1]) or redis.call('GET', KEYS[2])) ~= ARGV[2] then
  return 0
end
if ARGV[4] == '1' then
  redis.call('HDEL', KEYS[1], ARGV[1])
  redis.call('SET', KEYS[2], ARGV[3], 'EX', ARGV[5])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
for n = 7, #ARGV, 2 do
  redis.call('HINCRBYFLOAT', KEYS[3], ARGV[n], ARGV[n + 1])
end
redis.call('XADD', KEYS[4], '*', 'e', ARGV[6])
return 1
