/** The largest number that there is in IEEE 754's binary16. */
export const largestFloat16 = 65504;

const bits = new Uint32Array(1);
const number = new Float32Array(bits.buffer);

/**
 * Numbers as IEEE 754's binary16, rounded to the nearest, halves to the even one.
 * @param onOverflow called with the first number that is too large
 */
export function toFloat16(values: Float32Array, onOverflow: (value: number) => never): Uint16Array {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    number[0] = values[i]!;
    const float = bits[0]!;
    const sign = (float >>> 16) & 0x8000;
    const magnitude = float & 0x7fffffff;
    // From 65520 on it would be rounded to infinity; NaN is larger still.
    if (magnitude >= 0x477ff000) onOverflow(values[i]!);
    if (magnitude >= 0x38800000) {
      // The exponent's bias is 127 here and 15 there, and 13 bits of the fraction go.
      halves[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
    } else {
      // Below 2^-14 there is a multiple of 2^-24.
      const steps = Math.abs(number[0]!) * 2 ** 24;
      const below = Math.floor(steps);
      const rest = steps - below;
      halves[i] = sign | (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below);
    }
  }
  return halves;
}
