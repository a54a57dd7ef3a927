import { DataError, UsageError } from '@graftjs/core';

/** RGB values, row by row from the top left, `height * width * 3` of them. */
export interface Pixels {
  readonly data: Uint8Array | Float32Array;
  readonly height: number;
  readonly width: number;
}

/** A part of an image: its top left pixel, and its size in pixels. */
export interface Region {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

function requireWhole(image: Pixels): void {
  const { data, height, width } = image;
  if (height > 0 && width > 0 && data.length === height * width * 3) return;
  throw new DataError(
    'data/image-shape',
    `An image of ${height} x ${width} pixels came with ${data.length} values; accepted are height * width * 3, above 0.`,
    { details: { height, width, length: data.length } },
  );
}

function requireSize(size: number): void {
  if (Number.isSafeInteger(size) && size > 0) return;
  throw new UsageError('usage/size', `An image cannot be resized to ${size}; accepted are whole numbers above 0.`, {
    details: { received: size },
  });
}

/**
 * For each of `count` places from `first` on along a resized side: the index of the value before it, of the one after
 * it, and how far (0 to below 1) it lies between them. All in float32, as TensorFlow has it.
 */
function weigh(from: number, to: number, first: number, count: number) {
  const scale = Math.fround(from / to);
  const before = new Uint32Array(count);
  const after = new Uint32Array(count);
  const share = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const place = Math.fround((first + i) * scale);
    const floor = Math.min(Math.floor(place), from - 1);
    before[i] = floor;
    after[i] = Math.min(floor + 1, from - 1);
    share[i] = place - floor;
  }
  return { before, after, share };
}

/**
 * Resizes as TensorFlow 1's `tf.image.resize_bilinear(align_corners=False)`: place i of n lies at `i * from / n`, without
 * half-pixel centres, and pixels between are not averaged where an image shrinks.
 * @param height of the resized image
 * @param width of the resized image
 * @param part which of the source is resized (`of`, default all) and which of the result is computed (`window`,
 *   default all), so that nothing is computed only to be cropped away
 * @returns `window.height * window.width * 3` values in the range of the source's
 */
export function resizeBilinear(
  image: Pixels,
  height: number,
  width: number,
  part: { readonly of?: Region; readonly window?: Region } = {},
): Float32Array {
  requireWhole(image);
  const { of = { top: 0, left: 0, height: image.height, width: image.width } } = part;
  const { window = { top: 0, left: 0, height, width } } = part;
  for (const size of [height, width, window.height, window.width]) requireSize(size);
  const { data } = image;
  if (data.length === window.height * window.width * 3 && of.height === height && of.width === width) {
    return new Float32Array(data);
  }
  const rows = weigh(of.height, height, window.top, window.height);
  const columns = weigh(of.width, width, window.left, window.width);
  const stride = image.width * 3;
  const start = of.top * stride + of.left * 3;
  for (let x = 0; x < window.width; x++) {
    columns.before[x] = columns.before[x]! * 3;
    columns.after[x] = columns.after[x]! * 3;
  }

  // Two source rows, resized along their width, are kept: neighbours in the result often lie between the same two.
  const length = window.width * 3;
  let upper = new Float32Array(length);
  let lower = new Float32Array(length);
  let upperRow = -1;
  let lowerRow = -1;
  const result = new Float32Array(window.height * length);
  for (let y = 0, at = 0; y < window.height; y++) {
    const before = rows.before[y]!;
    const after = rows.after[y]!;
    if (upperRow !== before) {
      [upper, lower] = [lower, upper];
      [upperRow, lowerRow] = [lowerRow, upperRow];
    }
    if (upperRow !== before) {
      resizeRow(data, start + before * stride, columns, upper);
      upperRow = before;
    }
    if (lowerRow !== after) {
      resizeRow(data, start + after * stride, columns, lower);
      lowerRow = after;
    }
    const share = rows.share[y]!;
    for (let i = 0; i < length; i++) {
      const value = upper[i]!;
      result[at++] = value + (lower[i]! - value) * share;
    }
  }
  return result;
}

function resizeRow(
  data: Uint8Array | Float32Array,
  start: number,
  columns: ReturnType<typeof weigh>,
  into: Float32Array,
): void {
  const { before, after, share } = columns;
  for (let x = 0, at = 0; x < share.length; x++) {
    const left = start + before[x]!;
    const right = start + after[x]!;
    const part = share[x]!;
    into[at++] = data[left]! + (data[right]! - data[left]!) * part;
    into[at++] = data[left + 1]! + (data[right + 1]! - data[left + 1]!) * part;
    into[at++] = data[left + 2]! + (data[right + 2]! - data[left + 2]!) * part;
  }
}
