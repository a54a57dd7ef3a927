import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom } from '@graftjs/trainer';

const [images, pixels] = [20, 3 * 32 * 32];

/** A data set in CIFAR-10's binary layout, 20 images a file: noise, brighter the higher the class. */
export async function drawCifar10(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const names = [...[1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}`), 'test_batch'];
  for (const [key, name] of names.entries()) {
    const bytes = Buffer.alloc(images * (1 + pixels));
    const random = createRandom(key);
    for (let index = 0; index < images; index++) {
      const [at, label] = [index * (1 + pixels), index % 10];
      bytes[at] = label;
      for (let pixel = 1; pixel <= pixels; pixel++) bytes[at + pixel] = label * 22 + random.below(32);
    }
    await writeFile(join(folder, `${name}.bin`), bytes);
  }
  return folder;
}
