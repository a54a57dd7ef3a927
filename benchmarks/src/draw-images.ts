import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom } from '@graftjs/trainer';
import sharp from 'sharp';

const classes = 8;

/** Blurred spots of colour, brighter in one channel and darker in another by the class; 500 x 375 JPEG. */
async function drawImage(path: string, label: number, seed: number): Promise<void> {
  const random = createRandom(label, seed);
  const [width, height] = [20, 15];
  const spots = Buffer.from(
    Array.from({ length: width * height * 3 }, (_, index) => random.below(128) + 16 * ((label >> (index % 3)) & 1) * 7),
  );
  await sharp(spots, { raw: { width, height, channels: 3 } })
    .resize(500, 375)
    .jpeg({ quality: 90 })
    .toFile(path);
}

/**
 * Draws an image folder of eight classes, with `count` images in `train` and eight in `test`; done once.
 * @returns its path
 */
export async function drawImages(folder: string, count: number): Promise<string> {
  const images = join(folder, `images-${count}`);
  if (existsSync(images)) return images;
  const draft = `${images}.draft`;
  await rm(draft, { recursive: true, force: true });
  for (const [split, total] of [['train', count] as const, ['test', classes] as const]) {
    for (let index = 0; index < total; index++) {
      const label = index % classes;
      const place = join(draft, split, `class-${label}`);
      await mkdir(place, { recursive: true });
      await drawImage(join(place, `${index}.jpg`), label, split === 'train' ? index : count + index);
    }
  }
  await rename(draft, images);
  return images;
}
