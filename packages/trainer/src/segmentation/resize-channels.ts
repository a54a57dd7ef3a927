/** For each of `to` places along a side of `from`: the one before it, the one after it, and how far it lies between them. */
function places(from: number, to: number) {
  const before = new Uint32Array(to);
  const after = new Uint32Array(to);
  const share = new Float32Array(to);
  for (let i = 0; i < to; i++) {
    const place = Math.fround((i * from) / to);
    before[i] = Math.min(Math.floor(place), from - 1);
    after[i] = Math.min(before[i]! + 1, from - 1);
    share[i] = place - before[i]!;
  }
  return { before, after, share };
}

/** The height and width of something. */
export interface PlaneSize {
  readonly height: number;
  readonly width: number;
}

/**
 * Adds values of any number of channels, resized, to others. Bilinear, place i of n at `i * from / n`: the inverse of what
 * `resizeBilinear` does with images, so that what was found in a smaller or larger image lands where it was seen.
 * @param values `[from.height, from.width, channels]`, row-major
 * @param sum `[to.height, to.width, channels]`
 */
export function addResized(
  values: Float32Array,
  from: PlaneSize,
  sum: Float32Array,
  to: PlaneSize,
  channels: number,
): void {
  if (from.height === to.height && from.width === to.width) {
    for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
    return;
  }
  const rows = places(from.height, to.height);
  const columns = places(from.width, to.width);
  const stride = from.width * channels;
  for (let y = 0, at = 0; y < to.height; y++) {
    const [above, below, down] = [rows.before[y]! * stride, rows.after[y]! * stride, rows.share[y]!];
    for (let x = 0; x < to.width; x++) {
      const [left, right, along] = [columns.before[x]! * channels, columns.after[x]! * channels, columns.share[x]!];
      for (let c = 0; c < channels; c++) {
        const upper = values[above + left + c]! * (1 - along) + values[above + right + c]! * along;
        const lower = values[below + left + c]! * (1 - along) + values[below + right + c]! * along;
        sum[at++]! += upper * (1 - down) + lower * down;
      }
    }
  }
}
