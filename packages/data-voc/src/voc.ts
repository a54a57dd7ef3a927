import { availableParallelism } from 'node:os';
import { DataError, type GraftError, type MaskDataset, type MaskSplit } from '@graftjs/core';
import pMap from 'p-map';
import { checkHeaders, decodeExample, type ExampleKey, type ImageSize, readImage, remedy } from './read-example.js';
import { voc2012Download } from './voc-downloads.js';
import { type LayoutOptions, type LeftOut, readLayout } from './voc-layout.js';

/** How many damaged files a message names. */
const named = 5;

interface Examined {
  /** By the path of the image. */
  readonly sizes: ReadonlyMap<string, ImageSize>;
  readonly damaged: readonly LeftOut[];
}

/** Finds the sizes of examples, and those that cannot be used: by their headers, or under `skip` by decoding every one of them. */
async function examine(examples: readonly ExampleKey[], corrupt: 'refuse' | 'skip'): Promise<Examined> {
  const damaged: LeftOut[] = [];
  const sizes = new Map<string, ImageSize>();
  await pMap(
    examples,
    async (example) => {
      try {
        sizes.set(example.image, await checkHeaders(example));
        if (corrupt === 'skip') await decodeExample(example);
      } catch (error) {
        damaged.push({ id: example.image, reason: (error as GraftError).message });
      }
    },
    { concurrency: availableParallelism() },
  );
  return { sizes, damaged: damaged.sort((a, b) => (a.id < b.id ? -1 : 1)) };
}

function refuse(folder: string, damaged: readonly LeftOut[]): never {
  const reasons = damaged.slice(0, named).map(({ reason }) => reason);
  const more = damaged.length > named ? `\nand ${damaged.length - named} more.` : '';
  throw new DataError(
    'data/damaged-images',
    `${damaged.length} of the images in ${folder} cannot be used, or their masks:\n${reasons.join('\n')}${more}\n${remedy}`,
    { details: { folder, damaged } },
  );
}

function createSplit(examples: readonly ExampleKey[], sizes: Examined['sizes']): MaskSplit {
  const key = (index: number): ExampleKey => {
    const example = examples[index];
    if (example) return example;
    throw new DataError('data/no-image', `There is no image ${index}: this split has 0 to ${examples.length - 1}.`);
  };
  return {
    count: examples.length,
    size: (index) => sizes.get(key(index).image)!,
    id: (index) => key(index).image,
    read: async (index) => readImage(key(index)),
    module: { url: new URL('./read-example.js', import.meta.url).href, key },
  };
}

/** A data set in VOC's layout. */
function createVoc(kind: Pick<MaskDataset, 'name' | 'description' | 'download'>, layout: LayoutOptions): MaskDataset {
  return {
    ...kind,
    target: 'masks',
    async open({ folder, corrupt = 'refuse' }) {
      const { classes, splits, missing, leftOut } = await readLayout(folder, layout);
      const examined = await examine(Object.values(splits).flat(), corrupt);
      const damaged = [...missing, ...examined.damaged];
      if (corrupt === 'refuse' && damaged.length > 0) refuse(folder, damaged);
      const ids = new Set(damaged.map(({ id }) => id));
      const whole = Object.entries(splits).map(([name, examples]) => {
        const kept = examples.filter(({ image }) => !ids.has(image));
        if (kept.length > 0) return [name, createSplit(kept, examined.sizes)] as const;
        throw new DataError('data/empty-split', `The split '${name}' of ${folder} has no image that can be used.`, {
          details: { folder, split: name, damaged },
        });
      });
      return { classes, splits: Object.fromEntries(whole), skipped: [...damaged, ...leftOut], close: async () => {} };
    },
  };
}

/**
 * PASCAL VOC 2007 and 2012 (Everingham and others, 2010), and any data in that layout, with own classes in `classes.txt`.
 * `train.txt` is `train`; `test.txt`, or where there are no masks for that `val.txt`, is `test`. An image's id is its path.
 * Opening reads every header; what is damaged further in is found when it is read, or with `corrupt: 'skip'`, which decodes
 * everything once, when the data set is opened.
 */
export const voc: MaskDataset = createVoc(
  {
    name: 'voc',
    description:
      'PASCAL VOC and data in its layout: JPEGImages, SegmentationClass, ImageSets/Segmentation, classes.txt',
    download: voc2012Download.name,
  },
  { trainLists: ['train'], maskFolders: ['SegmentationClass'] },
);

/**
 * VOC 2012 with the further masks of SBD (Hariharan and others, 2011), converted to PNG in `SegmentationClassAug`, as most
 * results on VOC were trained: `train_aug.txt` or `trainaug.txt` is `train`. VOC's own mask is taken where there is one.
 */
export const vocAug: MaskDataset = createVoc(
  {
    name: 'voc_aug',
    description:
      "PASCAL VOC 2012 with SBD's masks: the same, SegmentationClassAug, and ImageSets/Segmentation/train_aug.txt",
  },
  { trainLists: ['train_aug', 'trainaug'], maskFolders: ['SegmentationClass', 'SegmentationClassAug'] },
);
