import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, parse } from 'node:path';
import {
  createContainer,
  DATASET,
  DataError,
  type DatasetOptions,
  DOWNLOAD,
  type MaskDataset,
  type MaskSplit,
  resolve,
  voidLabel,
} from '@graftjs/core';
import { datasetContract, smoothImage } from '@graftjs/core/testing';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import plugin from './index.js';

const container = createContainer([plugin]);
const dataset = resolve(container, DATASET, 'voc') as MaskDataset;
const augmented = resolve(container, DATASET, 'voc_aug') as MaskDataset;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'data-voc-'));
});
afterEach(() => rm(root, { recursive: true }));

const [height, width] = [12, 17];
const palette = Array.from({ length: 256 }, (_, index) => [index, 0, 0]);

async function put(path: string, content: string | Uint8Array): Promise<string> {
  const whole = join(root, path);
  await mkdir(parse(whole).dir, { recursive: true });
  await writeFile(whole, content);
  return whole;
}

const list = (name: string, names: readonly string[]) =>
  put(`ImageSets/Segmentation/${name}.txt`, names.map((each) => `${each}\n`).join(''));

/** A mask that depends on the name: classes 0 to 3 and a border of void. */
function maskOf(name: string): Uint8Array {
  const seed = name.charCodeAt(0);
  return Uint8Array.from({ length: height * width }, (_, i) => (i < width ? voidLabel : (seed + i) % 4));
}

const drawMask = (name: string, folder = 'SegmentationClass', mask = maskOf(name)) =>
  put(`${folder}/${name}.png`, encode({ data: mask, height, width, channels: 1, depth: 8, palette }));

const pixelsOf = (name: string) => smoothImage(name, height, width);

async function drawImage(name: string, file = `JPEGImages/${name}.jpg`): Promise<string> {
  const drawn = sharp(pixelsOf(name), { raw: { height, width, channels: 3 } });
  return put(
    file,
    await (file.endsWith('.png') ? drawn.png() : drawn.jpeg({ quality: 100, chromaSubsampling: '4:4:4' })).toBuffer(),
  );
}

async function draw(...names: string[]): Promise<void> {
  for (const name of names) {
    await drawImage(name);
    await drawMask(name);
  }
}

/** Images a, b, c to train on, and d, e. */
async function drawAll(): Promise<void> {
  await draw('a', 'b', 'c', 'd', 'e');
  await list('train', ['b', 'a', 'c']);
  await list('val', ['d', 'e']);
  await put('classes.txt', 'sky\nroad\r\ntree\ncar\n');
}

const open = (options: Partial<DatasetOptions> = {}, of = dataset) => of.open({ folder: root, ...options });

const namesOf = (split: MaskSplit): string[] =>
  Array.from({ length: split.count }, (_, index) => parse(split.id(index)).name);

async function refused(options: Partial<DatasetOptions> = {}, of = dataset): Promise<DataError> {
  const error: unknown = await open(options, of).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}

describe('the contract', () => {
  beforeEach(async () => {
    await drawAll();
    await list('train_aug', ['b', 'a', 'c']);
    await mkdir(join(root, 'SegmentationClassAug'));
  });
  for (const each of [dataset, augmented]) {
    for (const { name, run } of datasetContract(each, () => ({ folder: root }))) it(name, run);
  }
});

describe('the layout', () => {
  beforeEach(drawAll);

  it('gives the images of the lists in their order, with their masks', async () => {
    const { classes, splits, skipped } = await open();
    expect(classes).toEqual(['sky', 'road', 'tree', 'car']);
    expect(Object.keys(splits)).toEqual(['train', 'test']);
    expect([namesOf(splits.train!), namesOf(splits.test!)]).toEqual([
      ['b', 'a', 'c'],
      ['d', 'e'],
    ]);
    expect(skipped).toEqual([]);
    for (const split of Object.values(splits)) {
      for (const [index, name] of namesOf(split).entries()) {
        const image = await split.read(index);
        expect([image.height, image.width]).toEqual([height, width]);
        expect(image.mask).toEqual(maskOf(name));
        const error = pixelsOf(name).reduce((sum, value, i) => sum + Math.abs(value - image.data[i]!), 0);
        expect(error / image.data.length).toBeLessThan(2);
      }
    }
  });

  it.each(['.', 'VOC2012', 'VOCdevkit/VOC2012'])('is found in %s of the folder', async (below) => {
    const outer = await mkdtemp(join(tmpdir(), 'data-voc-outer-'));
    try {
      await rm(join(root, 'classes.txt'));
      await cp(root, join(outer, below), { recursive: true });
      expect(namesOf((await open({ folder: outer })).splits.train!)).toEqual(['b', 'a', 'c']);
    } finally {
      await rm(outer, { recursive: true });
    }
  });

  it('must be one of a kind below the folder', async () => {
    await mkdir(join(root, 'VOCdevkit/VOC2007/ImageSets/Segmentation'), { recursive: true });
    await mkdir(join(root, 'VOCdevkit/VOC2012/ImageSets/Segmentation'), { recursive: true });
    await rm(join(root, 'ImageSets'), { recursive: true });
    const { code, message } = await refused();
    expect(code).toBe('data/layout');
    expect(message).toContain(`Name one: ${join(root, 'VOCdevkit/VOC2007')}, ${join(root, 'VOCdevkit/VOC2012')}.`);
    expect(await refused({ folder: join(root, 'nowhere') })).toMatchObject({
      code: 'data/layout',
      message: expect.stringContaining('nowhere is no folder'),
    });
  });

  it("has VOC's 21 classes where none are named", async () => {
    await rm(join(root, 'classes.txt'));
    const { classes } = await open();
    // The order of the development kit (VOCinit.m), after the background.
    expect([classes.length, classes[0], classes[1], classes[15], classes[20]]).toEqual([
      21,
      'background',
      'aeroplane',
      'person',
      'tvmonitor',
    ]);
  });

  it.each([
    ['one class', 'sky\n', 'names 1 classes'],
    ['a class twice', 'sky\nroad\nsky\n', 'names "sky" twice'],
    ['more than a byte can tell', Array.from({ length: 256 }, (_, i) => `c${i}`).join('\n'), 'names 256 classes'],
  ])('refuses %s', async (_, text, message) => {
    const path = await put('classes.txt', text);
    const error = await refused();
    expect([error.code, error.message]).toEqual(['data/class-names', expect.stringContaining(`${path} ${message}`)]);
  });

  it('tests with test.txt where that has masks, and keeps val beside it', async () => {
    await draw('f');
    await list('test', ['f']);
    const { splits } = await open();
    expect(Object.entries(splits).map(([name, split]) => [name, namesOf(split)])).toEqual([
      ['train', ['b', 'a', 'c']],
      ['val', ['d', 'e']],
      ['test', ['f']],
    ]);
  });

  it("passes over a test.txt without masks, as VOC 2012's", async () => {
    await drawImage('f');
    const path = await list('test', ['f', 'g']);
    const { splits, skipped } = await open();
    expect([Object.keys(splits), namesOf(splits.test!)]).toEqual([
      ['train', 'test'],
      ['d', 'e'],
    ]);
    expect(skipped).toEqual([{ id: path, reason: 'none of its 2 images has a mask' }]);
  });

  it('takes images of other formats', async () => {
    await rm(join(root, 'JPEGImages/a.jpg'));
    await drawImage('a', 'JPEGImages/a.png');
    const { train } = (await open()).splits;
    expect((await train!.read(1)).data).toEqual(pixelsOf('a'));
  });

  it('needs a list to train on and one to test with', async () => {
    await rm(join(root, 'ImageSets/Segmentation/val.txt'));
    expect((await refused()).message).toContain('holds no val.txt or test.txt; found: train.txt.');
    await rm(join(root, 'ImageSets/Segmentation/train.txt'));
    const error = await refused();
    expect([error.code, error.message]).toEqual([
      'data/no-list',
      expect.stringContaining('no train.txt; found: nothing'),
    ]);
  });

  it('keeps what is trained on out of the tests', async () => {
    await list('val', ['d', 'a']);
    const error = await refused();
    expect([error.code, error.message]).toEqual([
      'data/lists-overlap',
      expect.stringMatching(/^a is in .*train\.txt and/),
    ]);
    const twice = await list('val', ['d', 'e', 'd']);
    expect(await refused()).toMatchObject({
      code: 'data/listed-twice',
      message: `${twice} lists d twice. Remove one of its lines.`,
    });
  });
});

describe("SBD's masks", () => {
  beforeEach(async () => {
    await drawAll();
    await drawImage('f');
    await drawMask('f', 'SegmentationClassAug');
    // The original is finer: it is the one to take.
    await drawMask('a', 'SegmentationClassAug', new Uint8Array(height * width));
  });

  it.each([
    ['train_aug', ['a', 'f', 'b']],
    ['trainaug', ['a', 'f', 'b']],
    ['train_aug', ['a', 'f', 'b'].map((name) => `/JPEGImages/${name}.jpg /SegmentationClassAug/${name}.png`)],
  ])('are those of %s.txt: %j', async (name, lines) => {
    await list(name, lines);
    const { splits } = await open({}, augmented);
    expect([namesOf(splits.train!), namesOf(splits.test!)]).toEqual([
      ['a', 'f', 'b'],
      ['d', 'e'],
    ]);
    expect((await splits.train!.read(0)).mask).toEqual(maskOf('a'));
    expect((await splits.train!.read(1)).mask).toEqual(maskOf('f'));
    expect(namesOf((await open()).splits.train!)).toEqual(['b', 'a', 'c']);
  });

  it('need their list', async () => {
    expect((await refused({}, augmented)).message).toContain('holds no train_aug.txt or trainaug.txt');
  });
});

describe('what is wrong with an image or mask', () => {
  beforeEach(drawAll);

  const damages: [string, () => Promise<string>, RegExp][] = [
    ['a missing image', () => gone('JPEGImages/a.jpg'), /train\.txt lists a, and .*a\.jpg is missing/],
    ['a missing mask', () => gone('SegmentationClass/a.png'), /train\.txt lists a, and .*a\.png is missing/],
    ['no image', () => put('JPEGImages/a.jpg', 'text'), /a\.jpg cannot be read as JPEG or PNG/],
    ['an image of no bytes', () => put('JPEGImages/a.jpg', ''), /a\.jpg cannot be read as JPEG or PNG/],
    ['a mask of no bytes', () => put('SegmentationClass/a.png', ''), /a\.png cannot be decoded: it is empty/],
    ['an RGB mask', drawRgbMask, /a\.png is a PNG that is RGB, 8 bits a channel/],
    ['a mask of another size', drawSmallMask, /a\.png is 3 x 2 pixels, and its image 12 x 17/],
  ];

  async function gone(path: string): Promise<string> {
    await rm(join(root, path));
    return join(root, path);
  }

  async function drawRgbMask(): Promise<string> {
    const data = new Uint8Array(height * width * 3);
    return put('SegmentationClass/a.png', encode({ data, height, width, channels: 3 }));
  }

  async function drawSmallMask(): Promise<string> {
    const small = encode({ data: new Uint8Array(6), height: 3, width: 2, channels: 1, depth: 8, palette });
    return put('SegmentationClass/a.png', small);
  }

  it.each(damages)('%s is refused when the data set is opened, or left out', async (_, damage, message) => {
    const path = await damage();
    const error = await refused();
    expect(error.code).toBe('data/damaged-images');
    expect(error.message).toMatch(/^1 of the images in /);
    expect(error.message).toMatch(message);
    expect(error.message).toContain(path);
    const { splits, skipped } = await open({ corrupt: 'skip' });
    expect(namesOf(splits.train!)).toEqual(['b', 'c']);
    expect(skipped).toEqual([{ id: expect.any(String), reason: expect.stringMatching(message) }]);
    expect((await splits.train!.read(1)).mask).toEqual(maskOf('c'));
  });

  it.each<[string, () => Promise<string>, string]>([
    ['an image cut short', () => cut('JPEGImages/a.jpg'), 'data/damaged-image'],
    ['a mask cut short', () => cut('SegmentationClass/a.png'), 'data/damaged-mask'],
    ['a label that is no class', () => drawMask('a', 'SegmentationClass', maskOf('a').fill(4, 50)), 'data/label'],
  ])('%s is refused when it is read, or left out when the data set is opened', async (_, damage, code) => {
    const path = await damage();
    const { train } = (await open()).splits;
    const error: unknown = await train!.read(1).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(DataError);
    expect(error).toMatchObject({ code, message: expect.stringContaining(path) });
    expect((error as DataError).message).toMatch(/--corrupt skip|Mend the mask/);
    const { splits, skipped } = await open({ corrupt: 'skip' });
    expect(namesOf(splits.train!)).toEqual(['b', 'c']);
    // Of the same damage libvips tells more at one time than at another.
    expect(skipped).toEqual([{ id: join(root, 'JPEGImages/a.jpg'), reason: expect.stringContaining(path) }]);
    expect(skipped[0]!.reason).not.toMatch(/corrupt/);
  });

  async function cut(path: string): Promise<string> {
    const bytes = await readFile(join(root, path));
    return put(path, bytes.subarray(0, 0.8 * bytes.length));
  }

  it('is told of the first five, and how many more there are', async () => {
    await list('train', ['a', 'u', 'v', 'w', 'x', 'y', 'z']);
    const { message, details } = await refused();
    expect(message).toMatch(/^6 of the images.*lists y, and.*\nand 1 more\./s);
    expect(details.damaged).toHaveLength(6);
  });

  it('leaves no split empty', async () => {
    await rm(join(root, 'SegmentationClass/d.png'));
    await rm(join(root, 'SegmentationClass/e.png'));
    const error = await refused({ corrupt: 'skip' });
    expect([error.code, error.message]).toEqual(['data/empty-split', expect.stringContaining("The split 'test'")]);
  });
});

it('keeps an image on its mask, whatever EXIF says', async () => {
  await drawAll();
  const turned = await sharp(pixelsOf('a'), { raw: { height, width, channels: 3 } })
    .withMetadata({ orientation: 3 })
    .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
    .toBuffer();
  await put('JPEGImages/a.jpg', turned);
  const { data } = await (await open()).splits.train!.read(1);
  const error = pixelsOf('a').reduce((sum, value, i) => sum + Math.abs(value - data[i]!), 0);
  expect(error / data.length).toBeLessThan(2);
});

it('is what its download unpacks to', async () => {
  const record = resolve(container, DOWNLOAD, dataset.download!);
  expect(new URL(record.address).hostname).toMatch(/robots\.ox\.ac\.uk$/);
  const folder = join(root, record.archive!.entry);
  await drawAll();
  for (const part of ['JPEGImages', 'SegmentationClass', 'ImageSets']) {
    await cp(join(root, part), join(folder, 'VOC2012', part), { recursive: true });
  }
  expect(namesOf((await open({ folder })).splits.train!)).toEqual(['b', 'a', 'c']);
});

const photographs = process.env.GRAFT_DATA;

it.skipIf(photographs === undefined && process.env.CI === undefined)(
  'counts the pixels of street scenes as numpy does',
  async () => {
    const folder = join(photographs ?? 'the folder in GRAFT_DATA', 'VOCdevkit/CamVid');
    const { splits, classes } = await open({ folder });
    expect([splits.train!.count, splits.test!.count, classes.length]).toEqual([150, 50, 11]);
    const counts = new Array<number>(256).fill(0);
    for (let index = 0; index < splits.test!.count; index++) {
      for (const label of (await splits.test!.read(index)).mask) counts[label]!++;
    }
    expect(counts.slice(0, 11)).toEqual([
      789207, 2286566, 49768, 2478291, 762023, 1395286, 75858, 257632, 160502, 53672, 186503,
    ]);
    expect(counts[voidLabel]).toBe(144692);
  },
);
