import type { Image } from '@graftjs/core';
import sharp from 'sharp';

/** An image as a PNG: the file's bytes. */
export async function encodeImage({ data, height, width }: Image): Promise<Uint8Array> {
  return sharp(data, { raw: { height, width, channels: 3 } })
    .png()
    .toBuffer();
}
