import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { DataError, type Dataset, type DatasetOptions, type OpenDataset, type Split } from '@graftjs/core';
import pMap from 'p-map';
import { type ClassFolder, type Layout, readLayout } from './folder-layout.js';
import { checkHeader, readImage } from './read-image.js';
import { readImage as readSplitImage, remedy } from './read-split-image.js';
import { drawTestImages } from './stratified-split.js';

type Skipped = OpenDataset['skipped'][number];

/** How many damaged files a message names. */
const named = 5;

const allClasses = (layout: Layout): readonly ClassFolder[] =>
  'classes' in layout ? layout.classes : Object.values(layout.splits).flat();

/** Finds images that cannot be used: by their headers, or under `skip` by decoding every one of them. */
async function findDamaged(layout: Layout, corrupt: 'refuse' | 'skip'): Promise<Skipped[]> {
  const paths = allClasses(layout).flatMap(({ path, images }) => images.map((name) => join(path, name)));
  const damaged: Skipped[] = [];
  await pMap(
    paths,
    async (id) => {
      try {
        await checkHeader(id);
        if (corrupt === 'skip') await readImage(id);
      } catch (error) {
        damaged.push({ id, reason: (error as DataError).message });
      }
    },
    { concurrency: availableParallelism() },
  );
  return damaged.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function refuse(folder: string, damaged: readonly Skipped[]): never {
  const reasons = damaged.slice(0, named).map(({ reason }) => reason);
  const more = damaged.length > named ? `; and ${damaged.length - named} more` : '';
  throw new DataError(
    'data/damaged-images',
    `${damaged.length} of the images in ${folder} cannot be read: ${reasons.join('; ')}${more}. ${remedy}`,
    { details: { folder, damaged } },
  );
}

/** The same class folder without what is damaged; one that is empty then is a `DataError`. */
function withoutDamaged(folder: ClassFolder, damaged: ReadonlySet<string>): ClassFolder {
  const images = folder.images.filter((name) => !damaged.has(join(folder.path, name)));
  if (images.length > 0) return { ...folder, images };
  throw new DataError(
    'data/empty-class',
    `None of the ${folder.images.length} images in the class folder ${folder.path} can be read. Mend them, or remove the folder.`,
    { details: { folder: folder.path } },
  );
}

function createSplit(classes: readonly ClassFolder[]): Split {
  const labels = new Int32Array(classes.reduce((sum, { images }) => sum + images.length, 0));
  const paths: string[] = [];
  classes.forEach(({ path, images }, label) => {
    labels.fill(label, paths.length, paths.length + images.length);
    for (const name of images) paths.push(join(path, name));
  });
  const id = (index: number): string => {
    const path = paths[index];
    if (path !== undefined) return path;
    throw new DataError('data/no-image', `There is no image ${index}: this split has 0 to ${paths.length - 1}.`);
  };
  return {
    labels,
    id,
    read: async (index) => readSplitImage(id(index)),
    module: { url: new URL('./read-split-image.js', import.meta.url).href, key: id },
  };
}

function splitClasses(folder: string, classes: readonly ClassFolder[], seed: number): Record<string, Split> {
  const train: ClassFolder[] = [];
  const test: ClassFolder[] = [];
  for (const one of classes) {
    const drawn = drawTestImages(one.name, one.images, seed);
    train.push({ ...one, images: one.images.filter((name) => !drawn.has(name)) });
    test.push({ ...one, images: one.images.filter((name) => drawn.has(name)) });
  }
  if (test.some(({ images }) => images.length > 0)) return { train: createSplit(train), test: createSplit(test) };
  throw new DataError(
    'data/too-few',
    `Every class in ${folder} has a single image, so that none is left for testing. Add images.`,
    { details: { folder } },
  );
}

const layoutLine = 'FOLDER/CLASS/*.jpg (or .jpeg, .png), or FOLDER/train/CLASS/*.jpg and FOLDER/test/CLASS/*.jpg';

/**
 * An image folder: JPEG and PNG images, one folder a class; classes are the folders' names, sorted by code units.
 * `FOLDER/CLASS/*` is split by the seed: a fifth of each class is `test` (see `drawTestImages`), the rest `train`; opened
 * `whole`, it is one split, `all`.
 * `FOLDER/train/CLASS/*`, `FOLDER/test/CLASS/*` and, if there, `FOLDER/val/CLASS/*` are taken as they are. An image's id
 * is its path. Opening reads every header, so that what is no image is found then; an image that is cut short is
 * found when it is read, or with `corrupt: 'skip'`, which decodes every image once, when the data set is opened.
 */
export const folder: Dataset = {
  name: 'folder',
  description: `JPEG and PNG images, one folder a class: ${layoutLine}`,
  async open({ folder, seed = 0, corrupt = 'refuse', whole = false }: DatasetOptions) {
    const layout = await readLayout(folder);
    const damaged = await findDamaged(layout, corrupt);
    if (corrupt === 'refuse' && damaged.length > 0) refuse(folder, damaged);
    const ids = new Set(damaged.map(({ id }) => id));
    const readable = (classes: readonly ClassFolder[]) => classes.map((one) => withoutDamaged(one, ids));
    const drawn = (classes: readonly ClassFolder[]) =>
      whole ? { all: createSplit(classes) } : splitClasses(folder, classes, seed);
    const splits =
      'classes' in layout
        ? drawn(readable(layout.classes))
        : Object.fromEntries(
            Object.entries(layout.splits).map(([name, classes]) => [name, createSplit(readable(classes))]),
          );
    const classes = 'classes' in layout ? layout.classes : layout.splits.train!;
    const leftOut = allClasses(layout)
      .filter(({ others }) => others !== '')
      .map(({ path, others }) => ({ id: path, reason: `holds what is no .jpg, .jpeg or .png file: ${others}` }));
    return {
      classes: classes.map(({ name }) => name),
      splits,
      skipped: [...damaged, ...leftOut],
      close: async () => {},
    };
  },
};
