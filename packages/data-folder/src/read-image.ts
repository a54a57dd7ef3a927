import { DataError, type Image } from '@graftjs/core';
import sharp, { type Metadata } from 'sharp';

/** An image with more pixels is refused: 100 megapixels are 300 MB as RGB. */
const pixelLimit = 100_000_000;
const formats = ['jpeg', 'png'];

/**
 * Checks what a file's header says, without decoding the image: it must be a JPEG or PNG, whatever the file's name
 * ends in, of at most 100 megapixels. A `DataError` names the file and says what it is instead.
 */
export async function checkHeader(path: string): Promise<void> {
  let header: Metadata;
  try {
    header = await sharp(path, { limitInputPixels: false }).metadata();
  } catch (cause) {
    throw new DataError('data/not-a-image', `${path} cannot be read as JPEG or PNG: ${(cause as Error).message}`, {
      cause,
      details: { path },
    });
  }
  const { format, height, width } = header;
  if (!formats.includes(format)) {
    throw new DataError('data/not-a-image', `${path} is ${format.toUpperCase()}; accepted are JPEG and PNG`, {
      details: { path, format },
    });
  }
  if (height * width > pixelLimit) {
    throw new DataError(
      'data/image-too-large',
      `${path} is ${height} x ${width} pixels; accepted are at most ${pixelLimit / 1e6} megapixels`,
      { details: { path, height, width, pixelLimit } },
    );
  }
}

/**
 * Decodes an image to 8-bit sRGB, turned upright by its EXIF orientation. Grey becomes three equal channels, CMYK and
 * embedded colour profiles are converted to sRGB, 16 bits are cut to the upper 8, and what is transparent shows white.
 * A file that is damaged, ends too early or has more than 100 megapixels is a `DataError` that names it.
 */
export async function readImage(path: string): Promise<Image> {
  try {
    const { data, info } = await sharp(path, { failOn: 'error', limitInputPixels: pixelLimit, autoOrient: true })
      .flatten({ background: 'white' })
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return {
      data: new Uint8Array(data.buffer, data.byteOffset, data.length),
      height: info.height,
      width: info.width,
    };
  } catch (cause) {
    // libvips has one text for the errors of all threads, so that of this image may be gone.
    const known = (cause as Error).message !== 'Unknown error';
    const reason = known ? (cause as Error).message : 'it is damaged or ends too early';
    throw new DataError('data/damaged-image', `${path} cannot be decoded: ${reason}`, { cause, details: { path } });
  }
}
