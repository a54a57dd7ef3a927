import { DataError, type MaskedImage, type MaskedValues, type MaskPreprocessing, voidLabel } from '@graftjs/core';
import { flip as flipValues } from './flip.js';
import { resizeBilinear } from './resize-bilinear.js';
import { resizeNearest } from './resize-nearest.js';

/** An image that is scaled at random becomes half to twice as large. */
const [smallestScale, largestScale] = [0.5, 2];

function requireMask({ mask, height, width }: MaskedImage): void {
  if (mask.length === height * width) return;
  throw new DataError(
    'data/mask-size',
    `An image of ${height} x ${width} pixels came with a mask of ${mask.length}; accepted is one for each pixel.`,
    { details: { height, width, length: mask.length } },
  );
}

/** Puts rows of values into the top left of a square whose rows are longer. */
function place<T extends Float32Array | Uint8Array>(rows: T, rowLength: number, square: T, squareRow: number): T {
  for (let from = 0, to = 0; from < rows.length; from += rowLength, to += squareRow) {
    square.set(rows.subarray(from, from + rowLength), to);
  }
  return square;
}

/** The square of `size` at `top` and `left` of an image resized to `height` x `width`; black and void where that ends. */
function cut(
  image: MaskedImage,
  [height, width]: readonly [number, number],
  [top, left]: readonly [number, number],
  size: number,
): MaskedValues {
  const window = { top, left, height: Math.min(size, height - top), width: Math.min(size, width - left) };
  const values = resizeBilinear(image, height, width, { window });
  const mask = resizeNearest(image, height, width, window);
  if (window.height === size && window.width === size) return { values, mask };
  return {
    values: place(values, window.width * 3, new Float32Array(size * size * 3), size * 3),
    mask: place(mask, window.width, new Uint8Array(size * size).fill(voidLabel), size),
  };
}

const scaled = (side: number, scale: number): number => Math.max(1, Math.round(side * scale));

/** The size of a whole image that is as large as it fits into a square, the ratio of its sides kept. */
export function fittedSize(
  { height, width }: { readonly height: number; readonly width: number },
  size: number,
): { height: number; width: number } {
  const scale = size / Math.max(height, width);
  return { height: scaled(height, scale), width: scaled(width, scale) };
}

/** The whole image, as large as it fits, in the top left of the square. */
function fit(image: MaskedImage, size: number): MaskedValues {
  requireMask(image);
  const { height, width } = fittedSize(image, size);
  return cut(image, [height, width], [0, 0], size);
}

/**
 * Makes squares of images and their masks, the ratio of their sides kept; what lies beside an image is black, and void in
 * the mask. In evaluation the whole image is fitted in. In training, `crop` cuts a square of the image as it is out at
 * random, `scale` makes it half to twice as large before, and `flip` mirrors every other one: the usual recipe for
 * segmentation (Chen and others, arXiv:1706.05587, section 4). Without `crop` they are fitted in, too.
 */
export function createMaskedResize(
  name: string,
  augmentation: { readonly flip: boolean; readonly crop: boolean; readonly scale: boolean },
): MaskPreprocessing {
  return {
    name,
    evaluate: fit,
    train(image, size, random) {
      requireMask(image);
      let square: MaskedValues;
      if (augmentation.crop) {
        const scale = augmentation.scale ? smallestScale + (largestScale - smallestScale) * random.uniform() : 1;
        const [height, width] = [scaled(image.height, scale), scaled(image.width, scale)];
        const top = random.below(Math.max(height - size, 0) + 1);
        const left = random.below(Math.max(width - size, 0) + 1);
        square = cut(image, [height, width], [top, left], size);
      } else square = fit(image, size);
      if (augmentation.flip && random.uniform() < 0.5) {
        flipValues(square.values, size, size);
        flipValues(square.mask, size, size, 1);
      }
      return square;
    },
  };
}
