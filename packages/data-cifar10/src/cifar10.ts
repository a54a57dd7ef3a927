import { join } from 'node:path';
import { DataError, type Dataset, type ReadableFile, type Split } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { archiveFolder, cifar10Download } from './cifar10-download.js';
import { countRecords, readImage, readLabels } from './cifar10-file.js';
import type { RecordKey } from './read-record.js';

const trainFiles = [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`);
const testFiles = ['test_batch.bin'];
const namesFile = 'batches.meta.txt';
const knownNames = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];
const namesFileBytes = 4096;

/** Finds the folder that the files lie in: `folder`, or the archive's folder in it. Missing files are a `DataError`. */
async function findFiles(folder: string): Promise<string> {
  const inside = join(folder, archiveFolder);
  const at = (await nodeFileSystem.stat(inside))?.kind === 'folder' ? inside : folder;
  const expected = [...trainFiles, ...testFiles];
  const missing: string[] = [];
  for (const name of expected) {
    if ((await nodeFileSystem.stat(join(at, name)))?.kind !== 'file') missing.push(name);
  }
  if (missing.length === 0) return at;
  const found = await nodeFileSystem.list(at).catch(() => undefined);
  const there =
    found === undefined
      ? 'There is no such folder.'
      : `Found there: ${found.slice(0, 10).join(', ') || 'nothing'}${found.length > 10 ? ', ...' : ''}.`;
  throw new DataError(
    'data/missing-files',
    `${at} lacks ${missing.join(', ')} of CIFAR-10's binary version. ${there} Expected: ${expected.join(', ')} there or ` +
      `in ${archiveFolder} below it. Fetch it with graft download cifar10, or unpack ${cifar10Download.address} there.`,
    { details: { folder: at, missing, expected, found, address: cifar10Download.address } },
  );
}

async function readClasses(folder: string): Promise<readonly string[]> {
  const path = join(folder, namesFile);
  const found = await nodeFileSystem.stat(path);
  if (found === undefined) return knownNames;
  const bytes = new Uint8Array(Math.min(found.size, namesFileBytes));
  const file = await nodeFileSystem.open(path);
  try {
    await file.read(0, bytes);
  } finally {
    await file.close();
  }
  const names = new TextDecoder()
    .decode(bytes)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (names.length === knownNames.length && new Set(names).size === names.length && found.size <= namesFileBytes) {
    return names;
  }
  throw new DataError(
    'data/class-names',
    `${path} should name ${knownNames.length} different classes, one a line, and has ${names.length} lines in ` +
      `${found.size} bytes. Fetch it again, or remove it: the names are known.`,
    { details: { path, lines: names.length, size: found.size } },
  );
}

async function openSplit(files: readonly ReadableFile[], classes: number): Promise<Split> {
  const counts = files.map(countRecords);
  const labels = new Int32Array(counts.reduce((sum, count) => sum + count, 0));
  let first = 0;
  for (const [i, file] of files.entries()) {
    await readLabels(file, classes, labels.subarray(first, first + counts[i]!));
    first += counts[i]!;
  }
  const locate = (index: number): { file: ReadableFile; record: number } => {
    let record = index;
    for (const [i, file] of files.entries()) {
      if (record >= 0 && record < counts[i]!) return { file, record };
      record -= counts[i]!;
    }
    throw new DataError('data/no-image', `There is no image ${index}: this split has 0 to ${labels.length - 1}.`);
  };
  return {
    labels,
    id(index) {
      const { file, record } = locate(index);
      return `${file.path}#${record}`;
    },
    async read(index) {
      const { file, record } = locate(index);
      return readImage(file, record);
    },
    module: {
      url: new URL('./read-record.js', import.meta.url).href,
      key(index): RecordKey {
        const { file, record } = locate(index);
        return { path: file.path, record };
      },
    },
  };
}

/**
 * CIFAR-10 in its binary layout (Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009):
 * `data_batch_1.bin` to `data_batch_5.bin` are `train`, `test_batch.bin` is `test`. An image's id is its file and, after
 * `#`, its record, counted from 0. Files with fewer records than the original 10,000 are read as they are. A file of a
 * wrong size or a label above 9 means that the file is not what it should be, so it is an error under `skip`, too.
 */
export const cifar10: Dataset = {
  name: 'cifar10',
  description: `CIFAR-10's binary version: 32 x 32, ten classes; data_batch_1..5.bin and test_batch.bin, in the folder or in ${archiveFolder}`,
  download: cifar10Download.name,
  async open(options) {
    const open: ReadableFile[] = [];
    const close = async () => {
      await Promise.all(open.map((file) => file.close()));
    };
    try {
      const folder = await findFiles(options.folder);
      const classes = await readClasses(folder);
      for (const name of [...trainFiles, ...testFiles]) open.push(await nodeFileSystem.open(join(folder, name)));
      const splits = {
        train: await openSplit(open.slice(0, trainFiles.length), classes.length),
        test: await openSplit(open.slice(trainFiles.length), classes.length),
      };
      return { classes, splits, skipped: [], close };
    } catch (cause) {
      await close();
      if (cause instanceof DataError) throw cause;
      throw new DataError('data/unreadable', `${options.folder} cannot be read: ${(cause as Error).message}.`, {
        cause,
      });
    }
  },
};
