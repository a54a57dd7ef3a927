import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import {
  createContainer,
  DATASET,
  DataError,
  type Dataset,
  type OpenDataset,
  resolve,
  type Split,
} from '@graftjs/core';
import { datasetContract, fnv1a } from '@graftjs/core/testing';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import plugin from './index.js';

const dataset = resolve(createContainer([plugin]), DATASET, 'folder') as Dataset;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'data-folder-'));
});
afterEach(() => rm(root, { recursive: true }));

/** The grey that an image is filled with, known by its path below the folder. */
const greyOf = (path: string): number => fnv1a(path) & 255;

/** Writes a flat image at a path below the folder. */
async function draw(path: string): Promise<void> {
  const grey = greyOf(path);
  const image = sharp({ create: { width: 16, height: 8, channels: 3, background: { r: grey, g: grey, b: grey } } });
  await mkdir(join(root, path, '..'), { recursive: true });
  await image.toFile(join(root, path));
}

async function drawClasses(counts: Readonly<Record<string, number>>): Promise<void> {
  for (const [name, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++) await draw(`${name}/${i}.png`);
  }
}

const open = (options: { seed?: number; corrupt?: 'refuse' | 'skip'; whole?: boolean } = {}) =>
  dataset.open({ folder: root, ...options });

const ids = (split: Split | undefined): string[] =>
  Array.from(split!.labels, (_, index) => relative(root, split!.id(index)).replaceAll('\\', '/'));

async function openError(options: { corrupt?: 'refuse' | 'skip' } = {}): Promise<DataError> {
  const error: unknown = await open(options).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}

/** Every image's label is its folder's, and its pixels are those of the file that its id names. */
async function expectWhole(opened: OpenDataset): Promise<void> {
  for (const [name, split] of Object.entries(opened.splits)) {
    for (const [index, path] of ids(split).entries()) {
      expect(opened.classes[split.labels[index]!], `${name} ${path}`).toBe(path.split('/').at(-2));
      const { data, height, width } = await split.read(index);
      expect([height, width, data.length]).toEqual([8, 16, 8 * 16 * 3]);
      expect(Array.from(data).every((value) => value === greyOf(path))).toBe(true);
    }
  }
}

describe('the contract', () => {
  beforeEach(() => drawClasses({ cat: 7, dog: 5 }));
  for (const { name, run } of datasetContract(dataset, () => ({ folder: root, seed: 3 }))) it(name, run);
});

describe('classes without splits', () => {
  it('are sorted by code units, and a fifth of each is for testing', async () => {
    await drawClasses({ b: 10, a: 4, C: 1 });
    const opened = await open();
    expect(opened.classes).toEqual(['C', 'a', 'b']);
    expect([...opened.splits.test!.labels]).toEqual([1, 2, 2]);
    expect([...opened.splits.train!.labels]).toEqual([0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2]);
    const all = [...ids(opened.splits.train), ...ids(opened.splits.test)];
    expect(new Set(all).size).toBe(15);
    expect(opened.skipped).toEqual([]);
    await expectWhole(opened);
  });

  it('are one split when opened whole, with classes of a single image too', async () => {
    await drawClasses({ b: 3, a: 1 });
    const opened = await open({ whole: true });
    expect(Object.keys(opened.splits)).toEqual(['all']);
    expect(ids(opened.splits.all)).toEqual(['a/0.png', 'b/0.png', 'b/1.png', 'b/2.png']);
    await expectWhole(opened);
  });

  it('are split by the seed alone, however the folder came to be', async () => {
    await drawClasses({ a: 20, b: 20 });
    const first = await open({ seed: 7 });
    const other = await open({ seed: 8 });
    expect(ids(other.splits.test)).not.toEqual(ids(first.splits.test));
    const before = ids(first.splits.test);
    // Written anew in the opposite order, the folder lists its files in another one.
    for (let i = 19; i >= 0; i--) {
      for (const name of ['b', 'a']) {
        await unlink(join(root, name, `${i}.png`));
        await draw(`${name}/${i}.png`);
      }
    }
    expect(ids((await open({ seed: 7 })).splits.test)).toEqual(before);
    expect(ids((await open({ seed: 0 })).splits.test)).toEqual(ids((await open()).splits.test));
  });

  it('have the same order on every file system, also where code units and bytes disagree', async () => {
    await drawClasses({ '\uff21': 2, '\u{1f600}': 2 });
    expect((await open()).classes).toEqual(['\u{1f600}', '\uff21']);
  });

  it('may be named as splits are', async () => {
    await drawClasses({ bus: 2, train: 2 });
    expect((await open()).classes).toEqual(['bus', 'train']);
  });

  it('need an image to test with', async () => {
    await drawClasses({ a: 1, b: 1 });
    expect((await openError()).code).toBe('data/too-few');
  });
});

describe('given splits', () => {
  it('are taken as they are, val too', async () => {
    await drawClasses({ 'train/a': 3, 'train/b': 2, 'test/a': 1, 'test/b': 2, 'val/a': 1, 'val/b': 1 });
    const opened = await open();
    expect(opened.classes).toEqual(['a', 'b']);
    expect(ids(opened.splits.train)).toEqual([
      'train/a/0.png',
      'train/a/1.png',
      'train/a/2.png',
      'train/b/0.png',
      'train/b/1.png',
    ]);
    expect(ids(opened.splits.test)).toEqual(['test/a/0.png', 'test/b/0.png', 'test/b/1.png']);
    expect(ids(opened.splits.val)).toEqual(['val/a/0.png', 'val/b/0.png']);
    await expectWhole(opened);
  });

  it('must have the same classes', async () => {
    await drawClasses({ 'train/a': 1, 'train/b': 1, 'test/a': 1, 'test/c': 1 });
    const error = await openError();
    expect(error.code).toBe('data/classes-differ');
    expect(error.message).toContain('test lacks b; train lacks c');
    expect(error.message).toContain(join(root, 'test'));
  });

  it('must both be there', async () => {
    await drawClasses({ 'train/a': 1, 'train/b': 1, 'val/a': 1, 'val/b': 1 });
    const error = await openError();
    expect(error.code).toBe('data/missing-split');
    expect(error.message).toContain(`${root} holds train, val, but no test`);
  });
});

describe('what else lies there', () => {
  it('passes junk over without a word, and other files with one', async () => {
    await drawClasses({ a: 2, b: 2 });
    for (const junk of ['.DS_Store', 'a/.DS_Store', 'a/._0.png', 'a/Thumbs.db', 'a/desktop.ini', 'notes.txt']) {
      await writeFile(join(root, junk), 'junk');
    }
    expect((await open()).skipped).toEqual([]);
    for (const other of ['a/labels.csv', 'a/2.WEBP', 'a/3.webp']) await writeFile(join(root, other), 'other');
    await mkdir(join(root, 'a/more'));
    const opened = await open();
    expect(opened.skipped).toEqual([
      { id: join(root, 'a'), reason: 'holds what is no .jpg, .jpeg or .png file: 2 .webp, 1 .csv, 1 folder' },
    ]);
    await expectWhole(opened);
  });

  it('takes extensions in any case', async () => {
    await drawClasses({ a: 2, b: 1 });
    await rename(join(root, 'a/1.png'), join(root, 'a/1.JPG'));
    await rename(join(root, 'b/0.png'), join(root, 'b/0.Jpeg'));
    const opened = await open();
    expect([...ids(opened.splits.train), ...ids(opened.splits.test)].sort()).toEqual([
      'a/0.png',
      'a/1.JPG',
      'b/0.Jpeg',
    ]);
  });

  it.each([
    ['nothing', [], 'found: nothing'],
    ['other files', ['x.webp', 'y.webp', 'README'], 'found: 1 without extension, 2 .webp'],
  ])('refuses a class folder with %s', async (_, files, message) => {
    await drawClasses({ a: 2, b: 2 });
    await mkdir(join(root, 'c'));
    for (const name of files) await writeFile(join(root, 'c', name), 'other');
    const error = await openError();
    expect(error.code).toBe('data/empty-class');
    expect(error.message).toContain(join(root, 'c'));
    expect(error.message).toContain(message);
  });

  it('refuses fewer than two classes, and says what is there', async () => {
    await drawClasses({ only: 2 });
    expect((await openError()).message).toContain(`${root} holds one class folder, only;`);
    await rm(join(root, 'only'), { recursive: true });
    await draw('loose.png');
    const error = await openError();
    expect(error.code).toBe('data/classes');
    expect(error.message).toContain(`${root} holds no class folder, and 1 .png;`);
  });

  it('refuses a folder that cannot be read', async () => {
    const error: unknown = await dataset.open({ folder: join(root, 'nowhere') }).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).code).toBe('data/folder');
    expect((error as DataError).message).toContain(join(root, 'nowhere'));
  });

  it.skipIf(process.platform === 'win32')('follows links, and never waits for a pipe', async () => {
    await drawClasses({ a: 2, 'elsewhere/b': 2 });
    await rename(join(root, 'elsewhere'), `${root}-elsewhere`);
    try {
      await symlink(`${root}-elsewhere/b`, join(root, 'b'));
      await symlink(join(root, 'a/0.png'), join(root, 'a/linked.png'));
      execFileSync('mkfifo', [join(root, 'a/pipe.png')]);
      const opened = await open();
      const all = [...ids(opened.splits.train), ...ids(opened.splits.test)].sort();
      expect(all).toEqual(['a/0.png', 'a/1.png', 'a/linked.png', 'b/0.png', 'b/1.png']);
      await symlink(join(root, 'gone.png'), join(root, 'a/broken.png'));
      expect((await openError()).message).toContain(join(root, 'a/broken.png'));
    } finally {
      await rm(`${root}-elsewhere`, { recursive: true });
    }
  });
});

describe('damaged images', () => {
  beforeEach(async () => {
    await drawClasses({ a: 5, b: 5 });
  });

  it('that are no images are refused when the data set is opened, all in one message', async () => {
    await writeFile(join(root, 'a/2.png'), 'no image');
    await truncate(join(root, 'b/4.png'), 0);
    const error = await openError();
    expect(error.code).toBe('data/damaged-images');
    expect(error.message).toContain(`2 of the images in ${root} cannot be read`);
    expect(error.message).toContain(join(root, 'a/2.png'));
    expect(error.message).toContain(join(root, 'b/4.png'));
    expect(error.message).toContain("corrupt 'skip'");
  });

  it('that end too early are refused when they are read', async () => {
    await truncate(join(root, 'a/3.png'), 70);
    const opened = await open();
    const split = Object.values(opened.splits).find((one) => ids(one).includes('a/3.png'))!;
    const error: unknown = await split.read(ids(split).indexOf('a/3.png')).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).code).toBe('data/damaged-image');
    expect((error as DataError).message).toContain(join(root, 'a/3.png'));
    expect((error as DataError).message).toContain("corrupt 'skip'");
  });

  it('are all found and listed under skip, and never read again', async () => {
    await writeFile(join(root, 'a/2.png'), 'no image');
    await truncate(join(root, 'a/3.png'), 70);
    const opened = await open({ corrupt: 'skip' });
    expect(opened.skipped.map(({ id }) => id)).toEqual([join(root, 'a/2.png'), join(root, 'a/3.png')]);
    expect(opened.skipped[0]!.reason).toContain('cannot be read as JPEG or PNG');
    expect(opened.skipped[1]!.reason).toContain('cannot be decoded');
    const all = [...ids(opened.splits.train), ...ids(opened.splits.test)].sort();
    expect(all).toEqual(['a/0.png', 'a/1.png', 'a/4.png', 'b/0.png', 'b/1.png', 'b/2.png', 'b/3.png', 'b/4.png']);
    await expectWhole(opened);
  });

  it('cannot make up a whole class', async () => {
    for (let i = 0; i < 5; i++) await truncate(join(root, `b/${i}.png`), 70);
    const error = await openError({ corrupt: 'skip' });
    expect(error.code).toBe('data/empty-class');
    expect(error.message).toContain(`None of the 5 images in the class folder ${join(root, 'b')} can be read`);
  });
});

const photographs = process.env.GRAFT_DATA;

it.skipIf(photographs === undefined && process.env.CI === undefined)('reads photographs of blood cells', async () => {
  const opened = await dataset.open({
    folder: join(photographs ?? 'the folder in GRAFT_DATA', 'wbc'),
    corrupt: 'skip',
  });
  expect(opened.classes).toEqual(['BASOPHIL', 'EOSINOPHIL', 'LYMPHOCYTE', 'MONOCYTE', 'NEUTROPHIL']);
  expect(opened.skipped).toEqual([]);
  const count = (split: Split | undefined) => opened.classes.map((_, c) => split!.labels.filter((l) => l === c).length);
  expect(count(opened.splits.train)).toEqual([1, 56, 21, 13, 133]);
  expect(count(opened.splits.test)).toEqual([1, 14, 5, 3, 33]);
  const { height, width } = await opened.splits.test!.read(0);
  expect([height, width]).toEqual([480, 640]);
});
