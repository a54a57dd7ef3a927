import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, parse, posix } from 'node:path';
import { DataError, voidLabel } from '@graftjs/core';
import type { ExampleKey } from './read-example.js';

/** What is left out of a data set, and why. */
export interface LeftOut {
  readonly id: string;
  readonly reason: string;
}

/** A data set in VOC's layout, before any image was looked at. */
export interface Layout {
  readonly classes: readonly string[];
  readonly splits: Readonly<Record<string, readonly ExampleKey[]>>;
  /** Images of the lists that lack a file. */
  readonly missing: readonly LeftOut[];
  /** Whole lists that are of no use. */
  readonly leftOut: readonly LeftOut[];
}

/** Which lists and masks make a data set; of several, the first that is there. */
export interface LayoutOptions {
  /** Names of the list that is trained on, without `.txt`. */
  readonly trainLists: readonly string[];
  /** Folders of masks. */
  readonly maskFolders: readonly string[];
}

const listFolder = join('ImageSets', 'Segmentation');
const imageFolder = 'JPEGImages';
const imageExtensions = ['.jpg', '.jpeg', '.png'];
const classesFile = 'classes.txt';
/** More than any list of names has. */
const textBytes = 2 ** 24;
const vocClasses = (
  'background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant ' +
  'sheep sofa train tvmonitor'
).split(' ');
const expected =
  'Expected: JPEGImages/NAME.jpg, SegmentationClass/NAME.png, and ImageSets/Segmentation/train.txt and val.txt (or test.txt) ' +
  'with a NAME a line, in the folder or in one below it.';

function unreadable(path: string, cause: unknown): DataError {
  return new DataError('data/unreadable', `${path} cannot be read: ${(cause as Error).message}.`, {
    cause,
    details: { path },
  });
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

const isRoot = (folder: string): Promise<boolean> => isFolder(join(folder, listFolder));

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => []);
  const names = entries.filter((entry) => !entry.isFile()).map(({ name }) => name);
  return names.sort().map((name) => join(folder, name));
}

/** Finds the folder of the layout: `folder`, or the only one below it, or below `VOCdevkit` in it. */
async function findRoot(folder: string): Promise<string> {
  if (await isRoot(folder)) return folder;
  const below = [...(await foldersIn(folder)), ...(await foldersIn(join(folder, 'VOCdevkit')))];
  const roots: string[] = [];
  for (const path of below) if (await isRoot(path)) roots.push(path);
  if (roots.length === 1) return roots[0]!;
  const none = `${folder} ${(await isFolder(folder)) ? 'holds no data' : 'is no folder, and so holds no data'}`;
  const message =
    roots.length === 0
      ? `${none} in PASCAL VOC's layout. ${expected}`
      : `${folder} holds ${roots.length} data sets in PASCAL VOC's layout. Name one: ${roots.slice(0, 10).join(', ')}.`;
  throw new DataError('data/layout', message, { details: { folder, roots } });
}

/** The lines of a text file that are not blank, trimmed; undefined where there is no such file. */
async function readLines(path: string): Promise<string[] | undefined> {
  try {
    const found = await stat(path).catch(() => undefined);
    if (!found?.isFile()) return undefined;
    if (found.size > textBytes) throw new RangeError(`it has ${found.size} bytes, more than a list of names`);
    const lines = (await readFile(path, 'utf8')).split('\n').map((line) => line.trim());
    return lines.filter((line) => line !== '');
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

async function readClasses(root: string): Promise<readonly string[]> {
  const path = join(root, classesFile);
  const names = await readLines(path);
  if (names === undefined) return vocClasses;
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (names.length >= 2 && names.length <= voidLabel && twice === undefined) return names;
  throw new DataError(
    'data/class-names',
    `${path} names ${twice === undefined ? `${names.length} classes` : `${JSON.stringify(twice)} twice`}; accepted are 2 to ` +
      `${voidLabel} different names, one a line, in the order of the labels.`,
    { details: { path, count: names.length, twice } },
  );
}

/**
 * The names in a list. A line may also have paths of the image and of its mask, as DeepLab's lists do
 * (`/JPEGImages/NAME.jpg /SegmentationClassAug/NAME.png`).
 */
function parseNames(path: string, lines: readonly string[]): string[] {
  const names = lines.map((line) => (line.includes('/') ? posix.parse(line.split(/\s/)[0]!).name : line));
  const known = new Set<string>();
  for (const name of names) {
    if (known.has(name)) {
      throw new DataError('data/listed-twice', `${path} lists ${name} twice. Remove one of its lines.`, {
        details: { path, name },
      });
    }
    known.add(name);
  }
  return names;
}

/** The files in a folder that end in one of `extensions` (the first ones are preferred), by their names without them. */
async function indexFiles(folder: string, extensions: readonly string[]): Promise<Map<string, string>> {
  const names = await readdir(folder).catch((cause) => {
    throw new DataError('data/layout', `${folder} cannot be read: ${(cause as Error).message}. ${expected}`, {
      cause,
      details: { folder },
    });
  });
  const files = new Map<string, string>();
  for (const extension of extensions.toReversed()) {
    for (const base of names) {
      const { name, ext } = parse(base);
      if (ext.toLowerCase() === extension) files.set(name, join(folder, base));
    }
  }
  return files;
}

async function readList(root: string, name: string): Promise<{ path: string; names: string[] } | undefined> {
  const path = join(root, listFolder, `${name}.txt`);
  const lines = await readLines(path);
  return lines && { path, names: parseNames(path, lines) };
}

async function readFirstList(root: string, lists: readonly string[]): Promise<{ path: string; names: string[] }> {
  for (const name of lists) {
    const list = await readList(root, name);
    if (list) return list;
  }
  const found = (await readdir(join(root, listFolder))).sort();
  throw new DataError(
    'data/no-list',
    `${join(root, listFolder)} holds no ${lists.map((name) => `${name}.txt`).join(' or ')}; found: ` +
      `${found.slice(0, 10).join(', ') || 'nothing'}. ${expected}`,
    { details: { root, lists, found } },
  );
}

function refuseOverlap(lists: readonly { path: string; names: readonly string[] }[]): void {
  const owners = new Map<string, string>();
  for (const { path, names } of lists) {
    for (const name of names) {
      const owner = owners.get(name);
      if (owner !== undefined) {
        throw new DataError(
          'data/lists-overlap',
          `${name} is in ${owner} and in ${path}: what is trained on must not be tested with. Remove it from one of them.`,
          { details: { name, lists: [owner, path] } },
        );
      }
      owners.set(name, path);
    }
  }
}

/**
 * Reads the lists and names of a data set in PASCAL VOC's layout (the development kit's documentation, section 3), and finds
 * the files. `test.txt` is the split `test` where its images have masks, and `val.txt` is `val` beside it; else `val.txt`
 * is `test`.
 * @throws DataError `data/layout`, `data/no-list`, `data/listed-twice`, `data/lists-overlap`, `data/class-names`,
 * `data/unreadable`
 */
export async function readLayout(folder: string, { trainLists, maskFolders }: LayoutOptions): Promise<Layout> {
  const root = await findRoot(folder);
  const classes = await readClasses(root);
  const images = await indexFiles(join(root, imageFolder), imageExtensions);
  const masks = await Promise.all(maskFolders.map((name) => indexFiles(join(root, name), ['.png'])));
  const maskOf = (name: string): string | undefined => masks.find((files) => files.has(name))?.get(name);

  const leftOut: LeftOut[] = [];
  const train = await readFirstList(root, trainLists);
  const val = await readList(root, 'val');
  let test = await readList(root, 'test');
  if (val && test?.names.every((name) => maskOf(name) === undefined)) {
    leftOut.push({ id: test.path, reason: `none of its ${test.names.length} images has a mask` });
    test = undefined;
  }
  const lists = {
    train,
    ...(test && val && { val }),
    test: test ?? val ?? (await readFirstList(root, ['val', 'test'])),
  };
  refuseOverlap(Object.values(lists));

  const missing: LeftOut[] = [];
  const splits: Record<string, ExampleKey[]> = {};
  for (const [split, { path, names }] of Object.entries(lists)) {
    splits[split] = [];
    for (const name of names) {
      const [image, mask] = [images.get(name), maskOf(name)];
      if (image !== undefined && mask !== undefined) splits[split].push({ image, mask, classes: classes.length });
      else {
        const lacks = [
          ...(image === undefined ? [`${join(root, imageFolder, name)}.jpg`] : []),
          ...(mask === undefined ? [`${join(root, maskFolders[0]!, name)}.png`] : []),
        ];
        missing.push({ id: lacks[0]!, reason: `${path} lists ${name}, and ${lacks.join(' and ')} is missing` });
      }
    }
  }
  return { classes, splits, missing, leftOut };
}
