import {
  type Dataset,
  type DatasetOptions,
  type Image,
  type MaskDataset,
  type MaskedImage,
  type MaskSplit,
  type Split,
  voidLabel,
} from '../dataset.js';
import { type ContractCase, check, checkFails } from './contract.js';

const countOf = (split: Split | MaskSplit): number => ('labels' in split ? split.labels.length : split.count);

const bytesOf = (image: Image | MaskedImage): Uint8Array[] =>
  'mask' in image ? [image.data, image.mask] : [image.data];

function isSame(one: Image, other: Image): boolean {
  const others = bytesOf(other);
  return (
    one.height === other.height &&
    one.width === other.width &&
    bytesOf(one).every((bytes, i) => bytes.every((byte, at) => byte === others[i]?.[at]))
  );
}

/** Throws unless an image, and its mask where it is to have one, are whole. */
function checkImage(image: Image | MaskedImage, masked: boolean, classes: number, id: string): void {
  const { data, height, width } = image;
  check(data.length === height * width * 3, `${id}: ${data.length} bytes for ${height}x${width} of RGB.`);
  check('mask' in image === masked, `${id} ${masked ? 'has no' : 'has a'} mask.`);
  if (!('mask' in image)) return;
  check(image.mask.length === height * width, `${id}: ${image.mask.length} pixels of mask for ${height}x${width}.`);
  check(
    image.mask.every((label) => label < classes || label === voidLabel),
    `${id} has a pixel of no class.`,
  );
}

/**
 * What every data set keeps.
 * @param options where a small one lies; asked when a case runs
 */
export function datasetContract(dataset: Dataset | MaskDataset, options: () => DatasetOptions): ContractCase[] {
  const { name } = dataset;
  return [
    {
      name: `${name} has the splits train and test, each with images of known classes`,
      async run() {
        const { classes, splits, close } = await dataset.open(options());
        check(new Set(classes).size === classes.length && classes.length > 1, `The classes are ${classes.join(', ')}.`);
        for (const wanted of ['train', 'test']) {
          const split = splits[wanted];
          check(split !== undefined, `There is no split ${wanted}.`);
          check(countOf(split) > 0, `The split ${wanted} is empty.`);
          check(
            !('labels' in split) || split.labels.every((label) => label >= 0 && label < classes.length),
            `A label of ${wanted} is no class.`,
          );
        }
        await close();
      },
    },
    {
      name: `${name} reads images in any order, each the same every time`,
      async run() {
        const { classes, splits, close } = await dataset.open(options());
        const train = splits.train!;
        const last = countOf(train) - 1;
        const places = [...new Set([last, 0, last >> 1])];
        const first = await Promise.all(places.map((index) => train.read(index)));
        for (const [place, index] of [...places.entries()].reverse()) {
          const image = await train.read(index);
          checkImage(image, dataset.target === 'masks', classes.length, train.id(index));
          check(isSame(image, first[place]!), `${train.id(index)} is another image the second time.`);
          if ('labels' in train) continue;
          const { height, width } = train.size(index);
          check(
            height === image.height && width === image.width,
            `${train.id(index)} is said to be ${height}x${width}, and is ${image.height}x${image.width}.`,
          );
        }
        await close();
      },
    },
    {
      name: `${name} puts no image into two splits, and the same into each every time`,
      async run() {
        const ids = async () => {
          const { splits, close } = await dataset.open(options());
          const all = Object.entries(splits).flatMap(([name, split]) =>
            Array.from(
              { length: countOf(split) },
              (_, index) => `${split.id(index)}\t${'labels' in split ? split.labels[index] : ''}\t${name}`,
            ),
          );
          await close();
          return all;
        };
        const all = await ids();
        check(new Set(all.map((line) => line.split('\t')[0])).size === all.length, 'Two images have one id.');
        check(all.join('\n') === (await ids()).join('\n'), 'Opened again, the splits differ.');
      },
    },
    {
      name: `${name} names a module, if it does, that reads the same images`,
      async run() {
        const { splits, close } = await dataset.open(options());
        for (const split of Object.values(splits)) {
          const { module } = split;
          if (!module) continue;
          const count = countOf(split);
          const { readImage } = (await import(module.url)) as { readImage(key: unknown): Promise<Image> };
          for (const index of [count - 1, 0]) {
            check(
              isSame(await split.read(index), await readImage(structuredClone(module.key(index)))),
              `${split.id(index)} is another image to the module ${module.url}.`,
            );
          }
          await checkFails(() => module.key(count), 'data/', 'the key of an index past the end');
        }
        await close();
      },
    },
    {
      name: `${name} refuses an image that is not there`,
      async run() {
        const { splits, close } = await dataset.open(options());
        const test = splits.test!;
        await checkFails(async () => test.read(countOf(test)), 'data/', 'an index past the end');
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
