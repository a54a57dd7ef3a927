import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createContainer, DATASET, DataError, type Dataset, DOWNLOAD, type OpenDataset, resolve } from '@graftjs/core';
import { datasetContract, fnv1a, uniform } from '@graftjs/core/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import plugin from './index.js';
import { type RecordKey, readImage } from './read-record.js';

const dataset = resolve(createContainer([plugin]), DATASET, 'cifar10') as Dataset;
const files = ['data_batch_1', 'data_batch_2', 'data_batch_3', 'data_batch_4', 'data_batch_5', 'test_batch'].map(
  (name) => `${name}.bin`,
);

let folder: string;
let open: OpenDataset | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cifar10-'));
});
afterEach(async () => {
  await open?.close();
  open = undefined;
  await rm(folder, { recursive: true });
});

/** Channel `c` of pixel (y, x) in record `record` of the file whose name has the hash `file`. */
function value(file: number, record: number, y: number, x: number, c: number): number {
  return (file + 31 * record + 7 * y + 3 * x + 101 * c) & 255;
}

function records(name: string, labels: readonly number[]): Buffer {
  const bytes = Buffer.alloc(3073 * labels.length);
  const file = fnv1a(name);
  labels.forEach((label, record) => {
    let at = 3073 * record;
    bytes[at++] = label;
    for (let c = 0; c < 3; c++) {
      for (let y = 0; y < 32; y++) for (let x = 0; x < 32; x++) bytes[at++] = value(file, record, y, x, c);
    }
  });
  return bytes;
}

/** So many labels from 0 to 9, different in each file. */
const labelsOf = (name: string, count: number): number[] => [...uniform(name, count)].map((u) => Math.floor(10 * u));

async function writeAll(into: string, counts: readonly number[]): Promise<void> {
  for (const [i, name] of files.entries()) {
    await writeFile(join(into, name), records(name, labelsOf(name, counts[i]!)));
  }
}

describe('the contract', () => {
  beforeEach(() => writeAll(folder, [3, 2, 1, 2, 2, 4]));
  for (const { name, run } of datasetContract(dataset, () => ({ folder }))) it(name, run);
});

async function openError(): Promise<DataError> {
  const error = await dataset.open({ folder }).then(
    (opened) => {
      open = opened;
      return undefined;
    },
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}

describe('cifar10', () => {
  it('reads labels and images, interleaved, over files of any length', async () => {
    const counts = [3, 300, 1, 257, 5, 600];
    await writeAll(folder, counts);
    open = await dataset.open({ folder });
    const expected = files.map((name, i) => labelsOf(name, counts[i]!));
    expect([...open.splits.train!.labels]).toEqual(expected.slice(0, 5).flat());
    expect([...open.splits.test!.labels]).toEqual(expected[5]);
    const images: ['train' | 'test', number, string, number][] = [
      ['train', 0, files[0]!, 0],
      ['train', 3, files[1]!, 0],
      ['train', 302, files[1]!, 299],
      ['train', 303, files[2]!, 0],
      ['train', 565, files[4]!, 4],
      ['test', 599, files[5]!, 599],
    ];
    await Promise.all(
      images.map(async ([part, index, name, record]) => {
        const split = open!.splits[part]!;
        expect(split.id(index)).toBe(`${join(folder, name)}#${record}`);
        const { data, height, width } = await split.read(index);
        const rgb = new Uint8Array(32 * 32 * 3);
        const file = fnv1a(name);
        let at = 0;
        for (let y = 0; y < 32; y++) {
          for (let x = 0; x < 32; x++) for (let c = 0; c < 3; c++) rgb[at++] = value(file, record, y, x, c);
        }
        expect([height, width]).toEqual([32, 32]);
        expect(Buffer.from(data).equals(rgb)).toBe(true);
      }),
    );
    await expect(open.splits.train!.read(566)).rejects.toThrow('There is no image 566: this split has 0 to 565');
  });

  it('takes the folder that the archive was unpacked in', async () => {
    const inside = join(folder, 'cifar-10-batches-bin');
    await mkdir(inside);
    await writeAll(inside, [1, 1, 1, 1, 1, 2]);
    open = await dataset.open({ folder });
    expect(open.splits.test!.id(1)).toBe(`${join(inside, 'test_batch.bin')}#1`);
  });

  it('is what the download that it names unpacks to, as large as that is', async () => {
    const record = resolve(createContainer([plugin]), DOWNLOAD, dataset.download!);
    const { entry, bytes, entries } = record.archive!;
    await mkdir(join(folder, entry));
    await writeAll(join(folder, entry), [1, 1, 1, 1, 1, 1]);
    open = await dataset.open({ folder: join(folder, entry) });
    expect(open.splits.test!.labels).toHaveLength(1);
    // Six files of 10,000 records, the names, a page, and the folder.
    expect(6 * 10_000 * 3073).toBeLessThan(bytes);
    expect(9).toBeLessThanOrEqual(entries);
  });

  it("has the ten names, or those of batches.meta.txt in the file's order", async () => {
    await writeAll(folder, [1, 1, 1, 1, 1, 1]);
    open = await dataset.open({ folder });
    expect(open.classes).toEqual('airplane automobile bird cat deer dog frog horse ship truck'.split(' '));
    await open.close();
    await writeFile(join(folder, 'batches.meta.txt'), 'a\r\nb\r\nc\r\nd\r\ne\r\nf\r\ng\r\nh\r\ni\r\nj\r\n\r\n');
    open = await dataset.open({ folder });
    expect(open.classes).toEqual([...'abcdefghij']);
  });

  it.each([
    ['too few', 'a\nb\n', 'has 2 lines'],
    ['twice the same', 'a\na\nc\nd\ne\nf\ng\nh\ni\nj\n', '10 different classes'],
    ['endless', 'x'.repeat(1 << 20), '1048576 bytes'],
  ])('refuses names that are %s', async (_, text, message) => {
    await writeAll(folder, [1, 1, 1, 1, 1, 1]);
    await writeFile(join(folder, 'batches.meta.txt'), text);
    const error = await openError();
    expect(error.code).toBe('data/class-names');
    expect(error.message).toContain(join(folder, 'batches.meta.txt'));
    expect(error.message).toContain(message);
  });

  it('lists missing files, what is there, and where to get them', async () => {
    await writeAll(folder, [1, 1, 1, 1, 1, 1]);
    await rm(join(folder, 'data_batch_2.bin'));
    await rm(join(folder, 'test_batch.bin'));
    const error = await openError();
    expect(error.code).toBe('data/missing-files');
    expect(error.message).toContain(`${folder} lacks data_batch_2.bin, test_batch.bin of`);
    expect(error.message).toContain(
      'Found there: data_batch_1.bin, data_batch_3.bin, data_batch_4.bin, data_batch_5.bin.',
    );
    expect(error.message).toContain('https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz');
  });

  it('says that there is no such folder', async () => {
    await expect(dataset.open({ folder: join(folder, 'nowhere') })).rejects.toThrow(/nowhere lacks.*no such folder/);
  });

  it.each([
    ['empty', 0, /data_batch_3\.bin holds 0 bytes: it is empty/],
    ['cut', 2 * 3073 + 100, /data_batch_3\.bin holds 6246 bytes: 2 records of 3073 bytes and 100 bytes of record 2/],
  ])('refuses a file that is %s', async (_, size, message) => {
    await writeAll(folder, [1, 1, 4, 1, 1, 1]);
    await truncate(join(folder, 'data_batch_3.bin'), size);
    const error = await openError();
    expect(error.code).toBe('data/file-size');
    expect(error.message).toMatch(message);
  });

  it('refuses a label above 9 with its file and record', async () => {
    await writeAll(folder, [1, 1, 1, 1, 1, 1]);
    const labels = labelsOf('late', 400);
    labels[399] = 10;
    await writeFile(join(folder, 'data_batch_4.bin'), records('late', labels));
    const error = await openError();
    expect(error.code).toBe('data/label');
    expect(error.message).toContain(`Record 399 of ${join(folder, 'data_batch_4.bin')} has the label 10`);
  });

  it('names the file and the record when a file shrinks in use', async () => {
    await writeAll(folder, [1, 4, 1, 1, 1, 1]);
    open = await dataset.open({ folder });
    await truncate(join(folder, 'data_batch_2.bin'), 3 * 3073);
    const error: unknown = await open.splits.train!.read(4).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).code).toBe('data/unreadable');
    expect((error as DataError).message).toContain(`${join(folder, 'data_batch_2.bin')} cannot be read at record 3`);
    expect((await open.splits.train!.read(3)).data[0]).toBe(value(fnv1a('data_batch_2.bin'), 2, 0, 0, 0));
    const elsewhere: unknown = await readImage(open.splits.train!.module!.key(4) as RecordKey).catch(
      (error: unknown) => error,
    );
    expect(elsewhere).toEqual(error);
  });

  it('names a file that a thread cannot open', async () => {
    await expect(readImage({ path: join(folder, 'gone.bin'), record: 2 })).rejects.toMatchObject({
      code: 'data/unreadable',
      message: expect.stringContaining('gone.bin cannot be read at record 2'),
    });
  });

  it('gives its files back on close', async () => {
    await writeAll(folder, [1, 1, 1, 1, 1, 1]);
    open = await dataset.open({ folder });
    await open.close();
    await expect(open.splits.train!.read(0)).rejects.toThrow(DataError);
  });
});

const photographs = process.env.GRAFT_DATA;

it.skipIf(photographs === undefined && process.env.CI === undefined)(
  "has the mean colour that is published for CIFAR-10's photographs",
  async () => {
    open = await dataset.open({ folder: photographs ?? 'the folder in GRAFT_DATA' });
    const { train, test } = open.splits;
    const counts = new Array<number>(10).fill(0);
    for (const label of test!.labels) counts[label]!++;
    expect(Math.min(...counts)).toBeGreaterThan(0.08 * test!.labels.length);
    const sums = [0, 0, 0];
    let images = 0;
    for (let index = 0; index < train!.labels.length; index += 10, images++) {
      const { data } = await train!.read(index);
      for (let at = 0; at < data.length; at++) sums[at % 3]! += data[at]!;
    }
    const mean = sums.map((sum) => sum / (images * 1024 * 255));
    // Of all 50,000: 0.4914, 0.4822, 0.4465; the standard error over 2,000 images is 0.003.
    [0.4914, 0.4822, 0.4465].forEach((published, c) => {
      expect(Math.abs(mean[c]! - published)).toBeLessThan(0.01);
    });
  },
);
