import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { DataError } from '@graftjs/core';

/** A folder of images of one class. */
export interface ClassFolder {
  /** The folder's name, which is the class's. */
  readonly name: string;
  readonly path: string;
  /** Names of its images, sorted. */
  readonly images: readonly string[];
  /** What else is in it, counted, for messages: `2 .webp, 1 folder`; empty where there is nothing. */
  readonly others: string;
}

/** What a folder turned out to be: classes to be split, or splits with the same classes each. */
export type Layout =
  | { readonly classes: readonly ClassFolder[] }
  | { readonly splits: Readonly<Record<string, readonly ClassFolder[]>> };

const splitNames = ['train', 'val', 'test'];
const imageExtensions = ['.jpg', '.jpeg', '.png'];
const expected =
  'Expected: FOLDER/CLASS/*.jpg (or .jpeg, .png), or FOLDER/train/CLASS/*.jpg and FOLDER/test/CLASS/*.jpg.';

/** Files that systems leave behind: hidden ones, and Windows' own. */
const isJunk = (name: string): boolean => name.startsWith('.') || /^(thumbs\.db|desktop\.ini)$/i.test(name);

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

interface Listing {
  readonly folders: string[];
  readonly files: string[];
}

async function kindOf(entry: Dirent, folder: string): Promise<'folder' | 'file' | undefined> {
  const found = entry.isSymbolicLink() ? await stat(join(folder, entry.name)).catch(() => entry) : entry;
  if (found.isDirectory()) return 'folder';
  // A broken link counts as a file, so that it is missed when it is read; a pipe or a device is never read.
  return found.isFile() || found.isSymbolicLink() ? 'file' : undefined;
}

/** The folders and files in a folder, sorted by code units, without junk; links are followed. */
async function list(folder: string): Promise<Listing> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    throw new DataError('data/folder', `${folder} cannot be read: ${(cause as Error).message}. ${expected}`, {
      cause,
      details: { folder },
    });
  }
  const listing: Listing = { folders: [], files: [] };
  for (const entry of entries) {
    if (isJunk(entry.name)) continue;
    const kind = await kindOf(entry, folder);
    if (kind === 'folder') listing.folders.push(entry.name);
    else if (kind === 'file') listing.files.push(entry.name);
  }
  listing.folders.sort(byCodeUnit);
  listing.files.sort(byCodeUnit);
  return listing;
}

function describeOthers(folders: readonly string[], files: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of files) {
    const kind = extname(name).toLowerCase() || 'without extension';
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const parts = [...counts].map(([kind, count]) => `${count} ${kind}`);
  if (folders.length > 0) parts.push(`${folders.length} folder${folders.length > 1 ? 's' : ''}`);
  return parts.join(', ');
}

async function readClass(folder: string, name: string): Promise<ClassFolder> {
  const path = join(folder, name);
  const { folders, files } = await list(path);
  const isImage = (file: string) => imageExtensions.includes(extname(file).toLowerCase());
  const images = files.filter(isImage);
  const others = describeOthers(
    folders,
    files.filter((file) => !isImage(file)),
  );
  if (images.length > 0) return { name, path, images, others };
  throw new DataError(
    'data/empty-class',
    `The class folder ${path} holds no image; found: ${others || 'nothing'}. ` +
      `Put .jpg, .jpeg or .png files in it, or remove it. ${expected}`,
    { details: { folder: path, found: others } },
  );
}

async function readClasses(folder: string, { folders, files }: Listing): Promise<ClassFolder[]> {
  if (folders.length < 2) {
    const found = describeOthers([], files);
    throw new DataError(
      'data/classes',
      `${folder} holds ${folders.length === 0 ? 'no class folder' : `one class folder, ${folders[0]}`}` +
        `${found === '' ? '' : `, and ${found}`}; at least two class folders are needed. ${expected}`,
      { details: { folder, classes: folders, found } },
    );
  }
  const classes: ClassFolder[] = [];
  for (const name of folders) classes.push(await readClass(folder, name));
  return classes;
}

function requireSameClasses(
  folder: string,
  train: readonly ClassFolder[],
  other: string,
  its: readonly string[],
): void {
  const names = train.map((one) => one.name);
  const lacking = names.filter((name) => !its.includes(name));
  const extra = its.filter((name) => !names.includes(name));
  if (lacking.length === 0 && extra.length === 0) return;
  const differences = [
    lacking.length > 0 && `${other} lacks ${lacking.join(', ')}`,
    extra.length > 0 && `train lacks ${extra.join(', ')}`,
  ];
  throw new DataError(
    'data/classes-differ',
    `The classes in ${join(folder, 'train')} and ${join(folder, other)} differ: ${differences.filter(Boolean).join('; ')}. ` +
      'Every split needs a folder for every class.',
    { details: { folder, split: other, lacking, extra } },
  );
}

/**
 * Finds the classes of an image folder. Where it holds folders named `train` and `test`, these (and `val`, if there)
 * are splits; else every folder is a class. Junk that systems leave behind is passed over.
 */
export async function readLayout(folder: string): Promise<Layout> {
  const listing = await list(folder);
  const given = splitNames.filter((name) => listing.folders.includes(name));
  const missing = ['train', 'test'].filter((name) => !given.includes(name));
  if (missing.length > 0) {
    // Classes may be named as splits are, as long as not all of them are.
    if (given.length === 0 || given.length < listing.folders.length) {
      return { classes: await readClasses(folder, listing) };
    }
    throw new DataError(
      'data/missing-split',
      `${folder} holds ${given.join(', ')}, but no ${missing.join(', no ')}. ${expected}`,
      { details: { folder, found: given, missing } },
    );
  }
  const splits: Record<string, readonly ClassFolder[]> = {};
  for (const name of given) {
    const inside = await list(join(folder, name));
    if (splits.train) requireSameClasses(folder, splits.train, name, inside.folders);
    splits[name] = await readClasses(join(folder, name), inside);
  }
  return { splits };
}
