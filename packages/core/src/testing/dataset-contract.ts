import type { Dataset, DatasetOptions, Picture } from '../dataset.js';
import { type ContractCase, check, checkFails } from './contract.js';

/**
 * What every data set keeps.
 * @param options where a small one lies; asked when a case runs
 */
export function datasetContract(dataset: Dataset, options: () => DatasetOptions): ContractCase[] {
  const { name } = dataset;
  return [
    {
      name: `${name} has the splits train and test, each with pictures of known classes`,
      async run() {
        const { classes, splits, close } = await dataset.open(options());
        check(new Set(classes).size === classes.length && classes.length > 1, `The classes are ${classes.join(', ')}.`);
        for (const wanted of ['train', 'test']) {
          const split = splits[wanted];
          check(split !== undefined, `There is no split ${wanted}.`);
          check(split.labels.length > 0, `The split ${wanted} is empty.`);
          check(
            split.labels.every((label) => label >= 0 && label < classes.length),
            `A label of ${wanted} is no class.`,
          );
        }
        await close();
      },
    },
    {
      name: `${name} reads pictures in any order, each the same every time`,
      async run() {
        const { splits, close } = await dataset.open(options());
        const train = splits.train!;
        const last = train.labels.length - 1;
        const places = [...new Set([last, 0, last >> 1])];
        const first = await Promise.all(places.map((index) => train.read(index)));
        for (const [place, index] of [...places.entries()].reverse()) {
          const { data, height, width } = await train.read(index);
          check(
            data.length === height * width * 3,
            `${train.id(index)}: ${data.length} bytes for ${height}x${width} of RGB.`,
          );
          check(
            data.every((byte, at) => byte === first[place]!.data[at]),
            `${train.id(index)} is another picture the second time.`,
          );
        }
        await close();
      },
    },
    {
      name: `${name} puts no picture into two splits, and the same into each every time`,
      async run() {
        const ids = async () => {
          const { splits, close } = await dataset.open(options());
          const all = Object.entries(splits).flatMap(([name, split]) =>
            Array.from(split.labels, (label, index) => `${split.id(index)}\t${label}\t${name}`),
          );
          await close();
          return all;
        };
        const all = await ids();
        check(new Set(all.map((line) => line.split('\t')[0])).size === all.length, 'Two pictures have one id.');
        check(all.join('\n') === (await ids()).join('\n'), 'Opened again, the splits differ.');
      },
    },
    {
      name: `${name} names a module, if it does, that reads the same pictures`,
      async run() {
        const { splits, close } = await dataset.open(options());
        for (const split of Object.values(splits)) {
          const { module, labels } = split;
          if (!module) continue;
          const { readPicture } = (await import(module.url)) as { readPicture(key: unknown): Promise<Picture> };
          for (const index of [labels.length - 1, 0]) {
            const { data, height, width } = await readPicture(structuredClone(module.key(index)));
            const expected = await split.read(index);
            check(
              height === expected.height &&
                width === expected.width &&
                data.every((byte, at) => byte === expected.data[at]),
              `${split.id(index)} is another picture to the module ${module.url}.`,
            );
          }
          await checkFails(() => module.key(labels.length), 'data/', 'the key of an index past the end');
        }
        await close();
      },
    },
    {
      name: `${name} refuses a picture that is not there`,
      async run() {
        const { splits, close } = await dataset.open(options());
        const { test } = splits;
        await checkFails(async () => test!.read(test!.labels.length), 'data/', 'an index past the end');
        await close();
      },
    },
    {
      name: `${name} refuses a folder that is not there, and names it`,
      async run() {
        const folder = `${options().folder}-that-is-not-there`;
        await checkFails(() => dataset.open({ ...options(), folder }), 'data/', 'a missing folder');
      },
    },
  ];
}
