import { encode } from 'fast-png';
import { checkMask } from './check-mask.js';
import { vocPalette } from './voc-palette.js';

const palette = vocPalette.map((colour) => [...colour]);

/**
 * A mask as a PNG in PASCAL VOC's form: 8 bits a pixel, whose palette indices are the labels, in VOC's colours.
 * @param mask a label for each pixel, row by row
 * @returns the file's bytes
 * @throws DataError `data/mask-size`
 */
export function encodeMask(mask: Uint8Array, height: number, width: number): Uint8Array {
  checkMask(mask, { height, width });
  return encode({ data: mask, height, width, channels: 1, depth: 8, palette });
}
