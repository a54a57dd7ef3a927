/** Mirrors values left to right, in place: RGB, or as many to a pixel as `channels` says. */
export function flip(values: Float32Array | Uint8Array, height: number, width: number, channels = 3): void {
  for (let y = 0; y < height; y++) {
    let left = y * width * channels;
    let right = left + (width - 1) * channels;
    for (; left < right; left += channels, right -= channels) {
      for (let c = 0; c < channels; c++) {
        const kept = values[left + c]!;
        values[left + c] = values[right + c]!;
        values[right + c] = kept;
      }
    }
  }
}
