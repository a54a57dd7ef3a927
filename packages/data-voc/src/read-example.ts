import { DataError, type Image, type MaskedImage } from '@graftjs/core';
import sharp, { type Metadata } from 'sharp';
import { checkSize, readMask, readMaskHeader } from './read-mask.js';

/** Which image and which mask; all that a thread needs to read them. */
export interface ExampleKey {
  readonly image: string;
  readonly mask: string;
  /** How many there are. */
  readonly classes: number;
}

/** Height and width in pixels. */
export type ImageSize = Pick<Image, 'height' | 'width'>;

/** An image with more pixels is refused: 100 megapixels are 300 MB as RGB. */
const pixelLimit = 100_000_000;

/**
 * Checks what the headers of an image and its mask say, without decoding either.
 * @returns the size of both
 * @throws DataError `data/not-a-image`, `data/image-too-large`, `data/mask-size`, and what `readMaskHeader` throws
 */
export async function checkHeaders({ image, mask }: ExampleKey): Promise<ImageSize> {
  const { height, width } = await readImageHeader(image);
  checkSize(mask, await readMaskHeader(mask), { height, width });
  return { height, width };
}

/** What libvips says, of which the first line tells the reason. */
const reasonOf = (cause: unknown): string => (cause as Error).message.split('\n')[0]!;

async function readImageHeader(path: string): Promise<Metadata> {
  let header: Metadata;
  try {
    header = await sharp(path, { limitInputPixels: false }).metadata();
  } catch (cause) {
    throw new DataError('data/not-a-image', `${path} cannot be read as JPEG or PNG: ${reasonOf(cause)}.`, {
      cause,
      details: { path },
    });
  }
  const { format, height, width } = header;
  if (format !== 'jpeg' && format !== 'png') {
    throw new DataError('data/not-a-image', `${path} is ${format.toUpperCase()}; accepted are JPEG and PNG.`, {
      details: { path, format },
    });
  }
  if (height * width <= pixelLimit) return header;
  throw new DataError(
    'data/image-too-large',
    `${path} is ${height} x ${width} pixels; accepted are at most ${pixelLimit / 1e6} megapixels.`,
    { details: { path, height, width, pixelLimit } },
  );
}

/** Decodes to RGB, pixel by pixel as stored: an EXIF orientation would turn the image away from its mask. */
async function decodeImage(path: string): Promise<Image> {
  try {
    const { data, info } = await sharp(path, { failOn: 'error', limitInputPixels: pixelLimit })
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
    const reason = known ? reasonOf(cause) : 'it is damaged or ends too early';
    throw new DataError('data/damaged-image', `${path} cannot be decoded: ${reason}.`, { cause, details: { path } });
  }
}

/** What to do about damaged images and masks. */
export const remedy =
  "Mend what is damaged, take it off the lists, or open the data set with corrupt 'skip' (--corrupt skip) to leave it out.";

/**
 * Decodes an image and its mask.
 * @throws DataError `data/damaged-image`, and what `readMask` throws
 */
export async function decodeExample({ image: path, mask, classes }: ExampleKey): Promise<MaskedImage> {
  const image = await decodeImage(path);
  return { ...image, mask: await readMask(mask, image, classes) };
}

/**
 * The same for who trains, with what to do about what is damaged. Worker threads import this module and call it, too.
 * @throws as `decodeExample`
 */
export async function readImage(key: ExampleKey): Promise<MaskedImage> {
  try {
    return await decodeExample(key);
  } catch (error) {
    const { code, message, cause, details } = error as DataError;
    if (code !== 'data/damaged-image' && code !== 'data/damaged-mask') throw error;
    throw new DataError(code, `${message} ${remedy}`, { cause, details });
  }
}
