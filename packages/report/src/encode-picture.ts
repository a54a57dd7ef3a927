import type { Picture } from '@graftjs/core';
import sharp from 'sharp';

/** A picture as a PNG: the file's bytes. */
export async function encodePicture({ data, height, width }: Picture): Promise<Uint8Array> {
  return sharp(data, { raw: { height, width, channels: 3 } })
    .png()
    .toBuffer();
}
