/*
 * IEEE 754 binary16: sign, 5 bits of exponent (bias 15), 10 of fraction. JavaScript's Float16Array
 * came with Node 24 and Safari 18.2; Node 20 has none.
 */

/** The largest finite one. */
export const largestHalf = 65504;
/** The smallest one with a full fraction; GPUs may take what is smaller for zero. */
export const smallestNormalHalf = 2 ** -14;

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

/** The bits of the nearest half; of two equally near the one with an even fraction. */
export function toHalf(value: number): number {
  float[0] = value;
  const bits = floatBits[0] ?? 0;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = Math.abs(float[0]);
  if (Number.isNaN(magnitude)) return sign | 0x7e00;
  // Half a step above the largest, and all behind it, is rounded up to infinity.
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude < smallestNormalHalf) return sign | roundToEven(magnitude * 2 ** 24);
  // The fraction's 23 bits become 10; a carry out of them belongs into the exponent.
  return sign | (roundToEven((bits & 0x7fffffff) / 2 ** 13) - (112 << 10));
}

export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0);
}
