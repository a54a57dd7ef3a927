import { DataError, type Image } from '@graftjs/core';

/** Larger images are reduced as they come in: the network sees 32 pixels of them. */
const mostPixels = 128;

/**
 * Decodes an image file with what the browser has for that: upright, and on white where it is transparent.
 * @throws DataError `data/image` for what is no image
 */
export async function decodeImage(file: File): Promise<Image> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch (cause) {
    throw new DataError('data/image', `${file.name} is no image that this browser can read, and was left out.`, {
      cause,
      details: { name: file.name },
    });
  }
  const scale = Math.min(1, mostPixels / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(scale * side)));
  const context = new OffscreenCanvas(width!, height!).getContext('2d')!;
  context.fillStyle = 'white';
  context.fillRect(0, 0, width!, height!);
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width!, height!);
  bitmap.close();
  const { data: rgba } = context.getImageData(0, 0, width!, height!);
  const data = new Uint8Array((rgba.length / 4) * 3);
  for (let pixel = 0; pixel < rgba.length / 4; pixel++) data.set(rgba.subarray(4 * pixel, 4 * pixel + 3), 3 * pixel);
  return { data, width: width!, height: height! };
}
