/** Mirrors RGB values left to right, in place. */
export function flip(values: Float32Array, height: number, width: number): void {
  for (let y = 0; y < height; y++) {
    let left = y * width * 3;
    let right = left + (width - 1) * 3;
    for (; left < right; left += 3, right -= 3) {
      for (let c = 0; c < 3; c++) {
        const kept = values[left + c]!;
        values[left + c] = values[right + c]!;
        values[right + c] = kept;
      }
    }
  }
}
