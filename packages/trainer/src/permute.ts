import { elementCount, type Shape } from '@graftjs/core';

/** How many bytes of a source are held at a time. */
const pieceBytes = 1 << 22;

/**
 * Puts an array into another arrangement of its axes.
 * @param shape of the source
 * @param strides for each axis of the source how far apart its neighbours lie in `target`
 * @param readRows gives so many entries of the source's first axis, row-major; they are used up before the next are asked for
 */
export async function permute(
  target: Float32Array,
  shape: Shape,
  strides: readonly number[],
  readRows: (first: number, into: Float32Array) => Promise<void>,
): Promise<void> {
  const [rows = 1, ...rest] = shape;
  const [rowStride = 1, ...innerStrides] = strides;
  const rowSize = elementCount(rest);
  if (rows === 0 || rowSize === 0) return;
  const rowsAtOnce = Math.min(rows, Math.max(1, Math.floor(pieceBytes / 4 / rowSize)));
  const room = new Float32Array(rowsAtOnce * rowSize);
  for (let first = 0; first < rows; first += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - first);
    const piece = room.subarray(0, count * rowSize);
    await readRows(first, piece);
    placeRows(target, piece, count, first * rowStride, rowStride, rest, innerStrides);
  }
}

/** The rows of one piece, side by side: all of them at one place, then at the next. */
function placeRows(
  target: Float32Array,
  piece: Float32Array,
  rows: number,
  start: number,
  rowStride: number,
  shape: Shape,
  strides: readonly number[],
): void {
  const rowSize = piece.length / rows;
  const index = new Array<number>(shape.length).fill(0);
  let place = start;
  for (let column = 0; column < rowSize; column++) {
    for (let row = 0, from = column, to = place; row < rows; row++, from += rowSize, to += rowStride) {
      target[to] = piece[from]!;
    }
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      place -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}
