/** C's `rint`, which TensorFlow rounds with: to the nearest whole number, halves to the even one. For values above -1. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
}
