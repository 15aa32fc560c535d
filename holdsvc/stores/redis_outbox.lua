-- Letters that are due, for whoever asks, until a moment; of each line the first alone.
-- KEYS  letters due lines
-- ARGV  now until, then places
-- Returns  the letters
local found = {}
for n = 3, #ARGV do
  local place = ARGV[n]
  local score, letter = redis.call('ZSCORE', KEYS[2], place), redis.call('HGET', KEYS[1], place)
  if score and letter and tonumber(score) <= tonumber(ARGV[1]) then
    local line = string.match(place, '^[^ ]* ')
    if redis.call('ZRANGEBYLEX', KEYS[3], '[' .. line, '+', 'LIMIT', 0, 1)[1] == place then
      redis.call('ZADD', KEYS[2], ARGV[2], place)
      found[#found + 1] = letter
    end
  end
end
return found
