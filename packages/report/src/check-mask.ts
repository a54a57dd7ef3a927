import { DataError, type Image } from '@graftjs/core';

/** Refuses (`DataError` `data/mask-size`) a mask that has not a byte for each pixel. */
export function checkMask(mask: Uint8Array, { height, width }: Pick<Image, 'height' | 'width'>): void {
  if (height > 0 && width > 0 && mask.length === height * width) return;
  throw new DataError(
    'data/mask-size',
    `A mask of ${mask.length} pixels came for ${height} x ${width}; accepted is one for each pixel, above 0.`,
    { details: { length: mask.length, height, width } },
  );
}
