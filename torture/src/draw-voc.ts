import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { voidLabel } from '@graftjs/core';
import { createRandom } from '@graftjs/trainer';
import { encode } from 'fast-png';

const classes = ['dark', 'red', 'green', 'blue'];
const counts = { train: 24, val: 4 };

/** Noise of some size with a rectangle of a class, brighter in that colour, and a column of void. */
function draw(key: number) {
  const random = createRandom(key);
  const [width, height] = [30 + 6 * random.below(2), 32];
  const mask = new Uint8Array(width * height);
  const label = 1 + random.below(classes.length - 1);
  const [left, top] = [random.below(12), random.below(12)];
  for (let y = top; y < top + 16; y++) mask.fill(label, y * width + left, y * width + left + 16);
  const data = Uint8Array.from({ length: 3 * mask.length }, (_, at) => {
    const isLit = at % 3 === mask[Math.floor(at / 3)]! - 1;
    return random.below(100) + (isLit ? 150 : 0);
  });
  for (let y = 0; y < height; y++) mask[y * width] = voidLabel;
  return {
    image: encode({ width, height, data, channels: 3 }),
    mask: encode({ width, height, data: mask, channels: 1 }),
  };
}

/** Images with masks in the layout of PASCAL VOC. */
export async function drawVoc(folder: string): Promise<string> {
  const [images, masks, lists] = ['JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  for (const path of [images, masks, lists]) await mkdir(path, { recursive: true });
  await writeFile(join(folder, 'classes.txt'), classes.join('\n'));
  let key = 0;
  for (const [list, count] of Object.entries(counts)) {
    const names: string[] = [];
    for (let index = 0; index < count; index++) {
      const name = `${list}-${index}`;
      const { image, mask } = draw(key++);
      await writeFile(join(images, `${name}.png`), image);
      await writeFile(join(masks, `${name}.png`), mask);
      names.push(name);
    }
    await writeFile(join(lists, `${list}.txt`), names.join('\n'));
  }
  return folder;
}
