// Windowed-sinc weights for changing a sample rate at any ratio. A decimator that takes the nearest sample costs some
// 15 dB of quality on a 44.1 kHz device; these weights lose nothing that mu-law had.

export const PHASES = 128; // places between two samples; enough to stay below mu-law's own noise

/**
 * Weights for `taps` neighbours (an even number), one row for each phase from 0 to 1 inclusive.
 * `cutoff` is in cycles per input sample: 0.5 keeps everything. Row p serves a position p / PHASES after a sample, and
 * its first weight belongs to the neighbour `taps / 2 - 1` samples before that one.
 */
export function sincRows(taps, cutoff) {
  return Array.from({ length: PHASES + 1 }, (_, phase) => row(taps, cutoff, phase / PHASES));
}

function row(taps, cutoff, fraction) {
  const weights = new Float32Array(taps);
  let sum = 0;
  for (let tap = 0; tap < taps; tap += 1) {
    const distance = tap - (taps / 2 - 1) - fraction;
    weights[tap] = sinc(2 * cutoff * distance) * blackman(distance / (taps / 2));
    sum += weights[tap];
  }
  return weights.map((weight) => weight / sum);
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function blackman(x) {
  return Math.abs(x) >= 1 ? 0 : 0.42 + 0.5 * Math.cos(Math.PI * x) + 0.08 * Math.cos(2 * Math.PI * x);
}
