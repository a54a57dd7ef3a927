import type { Image } from '@graftjs/core';
import { checkMask } from './check-mask.js';
import { vocPalette } from './voc-palette.js';

/**
 * Lays a mask over its image, in VOC's colours. Label 0, the background, leaves the image as it is, as Berkeley's
 * images of FCN do.
 * @param opacity how much of the colour shows: 0 (none) to 1 (nothing else). Default 0.5
 * @throws DataError `data/mask-size`
 */
export function overlayMask(image: Image, mask: Uint8Array, opacity = 0.5): Image {
  checkMask(mask, image);
  const { height, width } = image;
  const data = image.data.slice();
  for (let i = 0; i < mask.length; i++) {
    const label = mask[i]!;
    if (label === 0) continue;
    const colour = vocPalette[label]!;
    for (let c = 0; c < 3; c++) data[i * 3 + c] = Math.round(data[i * 3 + c]! * (1 - opacity) + colour[c]! * opacity);
  }
  return { data, height, width };
}
