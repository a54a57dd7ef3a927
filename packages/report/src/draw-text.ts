import { fileURLToPath } from 'node:url';
import type { Image } from '@graftjs/core';
import sharp from 'sharp';

/** Comes along, since a machine may have no fonts at all. */
const fontfile = fileURLToPath(import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf'));

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** As high as any letter, and not to be seen: so that lines of different letters have one height and one baseline. */
const strut = '<span alpha="1">|</span>';

/**
 * A line of text, black on white, as wide as it is.
 * @param pixels size of the font; the line is a little higher
 */
export async function drawText(text: string, pixels: number): Promise<Image> {
  // A line of its own, whatever is in it; and there must be something to draw.
  const line = text.replace(/\p{Cc}+/gu, ' ').trim() || '-';
  const { data, info } = await sharp({
    text: {
      text: `${escaped(line)}${strut}`,
      font: `DejaVu Sans ${pixels}`,
      fontfile,
      dpi: 72,
      wrap: 'none',
      rgba: true,
    },
  })
    .flatten({ background: 'white' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), height: info.height, width: info.width };
}
