// G.711 mu-law and base64. Nothing here knows a page or a sound device, so that the worklets can import it too.

const BIAS = 0x84;
const CLIP = 32635;

/** What each of the 256 codes means, from -1 to 1. */
export const LINEAR = Float32Array.from({ length: 256 }, (_, code) => expand(code) / 32768);

function expand(code) {
  const bits = ~code & 0xff;
  const magnitude = ((((bits & 0x0f) << 3) + BIAS) << ((bits & 0x70) >> 4)) - BIAS;
  return bits & 0x80 ? -magnitude : magnitude;
}

export function compress(sample) {
  const level = Math.round(sample * 32768);
  const sign = level < 0 ? 0x80 : 0;
  const magnitude = Math.min(Math.abs(level), CLIP) + BIAS;
  const exponent = 24 - Math.clz32(magnitude);
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f;
  return ~(sign | (exponent << 4) | mantissa) & 0xff;
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

export function toBase64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}
