import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Archive, DownloadError } from '@graftjs/core';
import { Header } from 'tar';
import { beforeEach, describe, expect, it } from 'vitest';
import { entry, tar, tarGz } from '../test/archives.js';
import { temporaryFolder } from '../test/temporary-folder.js';
import { unpack } from './unpack.js';

const archive: Archive = { format: 'tar.gz', entry: 'data', bytes: 100_000, entries: 20 };

let folder: string;
/** Where things are unpacked into; beside it lies what must stay as it is. */
let into: string;
let outside: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  into = join(folder, 'into');
  outside = join(folder, 'outside');
  await mkdir(into);
  await writeFile(outside, 'mine');
});

async function unpackBytes(bytes: Buffer, more: Partial<Archive> = {}) {
  const path = join(folder, 'archive');
  await writeFile(path, bytes);
  return unpack(path, { ...archive, ...more }, into);
}

/** What is refused, and why; nothing outside of the folder has changed by then. */
async function refusal(bytes: Buffer, more: Partial<Archive> = {}): Promise<DownloadError> {
  const error = await unpackBytes(bytes, more).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(DownloadError);
  expect(await readFile(outside, 'utf8')).toBe('mine');
  expect(await readdir(folder)).toEqual(['archive', 'into', 'outside']);
  return error as DownloadError;
}

describe('what an archive holds', () => {
  const inside = [
    entry('./data/', '', { type: 'Directory' }),
    entry('./data/a.txt', 'first', { mode: 0o4777 }),
    entry('data/deep/er/b.bin', 'x'.repeat(20_000)),
    entry('data/empty'),
    entry('README', 'beside it'),
  ];

  it.each(['tar', 'tar.gz'] as const)('comes out of a %s as it went in, with the hash of each file', async (format) => {
    const files = await unpackBytes(format === 'tar' ? tar(...inside) : tarGz(...inside), { format });
    expect(files.map(({ path, bytes }) => [path, bytes])).toEqual([
      ['data/a.txt', 5],
      ['data/deep/er/b.bin', 20_000],
      ['data/empty', 0],
    ]);
    for (const { path, sha256 } of files) {
      expect(sha256).toBe(
        createHash('sha256')
          .update(await readFile(join(into, path)))
          .digest('hex'),
      );
    }
    expect(await readFile(join(into, 'data/a.txt'), 'utf8')).toBe('first');
    expect(await readdir(into)).toEqual(['data']);
    // Nobody becomes someone else by running what was downloaded.
    expect((await stat(join(into, 'data/a.txt'))).mode & 0o7111).toBe(0);
  });

  it('may be a single file, with others beside it', async () => {
    const files = await unpackBytes(tarGz(...inside), { entry: 'README' });
    expect(files.map(({ path }) => path)).toEqual(['README']);
    expect(await readdir(into)).toEqual(['README']);
  });

  it('may have long names, in the forms of GNU and of POSIX', async () => {
    const long = `data/${'n'.repeat(200)}`;
    const gnu = [entry('././@LongLink', `${long}\0`, { type: 'NextFileHasLongPath' }), entry('data/cut', 'gnu')];
    const record = ` path=${long}1\n`;
    const pax = entry('PaxHeader', `${record.length + 3}${record}`, { type: 'ExtendedHeader' });
    const files = await unpackBytes(tarGz(...gnu, pax, entry('data/cut', 'posix')));
    expect(files.map(({ path }) => path)).toEqual([long, `${long}1`]);
    expect(await readFile(join(into, `${long}1`), 'utf8')).toBe('posix');
  });

  it('may be many files', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => entry(`data/${i}`, `${i}`));
    const files = await unpackBytes(tarGz(...many), { bytes: 1 << 24, entries: 1000 });
    expect(files).toHaveLength(1000);
    expect(await readFile(join(into, 'data/999'), 'utf8')).toBe('999');
  });
});

describe('what could do harm is refused', () => {
  const link = (type: 'SymbolicLink' | 'Link', path: string, linkpath: string) => entry(path, '', { type, linkpath });

  it.each([
    ['a path that leads out', [entry('data/../../outside', 'theirs')], 'leads out of its folder'],
    ['a path that leads out at once', [entry('../outside', 'theirs')], 'leads out of its folder'],
    ['an absolute path', [entry('/tmp/outside', 'theirs')], 'has an absolute path'],
    ['a drive', [entry('c:/outside', 'theirs')], 'has an absolute path'],
    ['a path of Windows', [entry('data\\..\\..\\outside', 'theirs')], 'not every system can have'],
    ['a symbolic link', [link('SymbolicLink', 'data', '..'), entry('data/outside', 'theirs')], 'is a SymbolicLink'],
    ['a symbolic link beside', [link('SymbolicLink', 'other', '/'), entry('data/a', 'a')], 'is a SymbolicLink'],
    ['a hard link', [link('Link', 'data/a', '../outside'), entry('data/a', 'theirs')], 'is a Link'],
    ['a device', [entry('data/null', '', { type: 'CharacterDevice' })], 'is a CharacterDevice'],
    ['a disk', [entry('data/sda', '', { type: 'BlockDevice' })], 'is a BlockDevice'],
    ['a pipe', [entry('data/pipe', '', { type: 'FIFO' })], 'is a FIFO'],
    ['a file twice', [entry('data/a', 'a'), entry('data/a', 'theirs')], 'is there twice'],
  ])('%s', async (_, entries, reason) => {
    const error = await refusal(tarGz(...entries));
    expect(error.code).toBe('download/unsafe-archive');
    expect(error.message).toContain(join(folder, 'archive'));
    expect(error.message).toContain(reason);
  });

  it('a path that a longer header brings in', async () => {
    const record = '24 path=../outside/here\n';
    const error = await refusal(
      tarGz(entry('PaxHeader', record, { type: 'ExtendedHeader' }), entry('data/a', 'theirs')),
    );
    expect(error.code).toBe('download/unsafe-archive');
  });

  it('a header without end', async () => {
    const pax = entry('PaxHeader', 'x'.repeat(2 ** 21), { type: 'ExtendedHeader' });
    const error = await refusal(tarGz(pax, entry('data/a', 'a')), { bytes: 2 ** 24 });
    expect(error.code).toBe('download/unsafe-archive');
    expect(error.message).toContain('is a ExtendedHeader of 2,097,152 bytes');
  });
});

describe('what could fill disk or memory is refused', () => {
  it('a file that is announced as too large', async () => {
    const header = new Header({ path: 'data/a', type: 'File', size: 8 * 2 ** 40, mode: 0o644 });
    header.encode();
    const error = await refusal(gzipSync(header.block!));
    expect(error.code).toBe('download/archive-size');
    expect(error.message).toContain('"data/a" with 8,796,093,022,208 bytes');
  });

  it.each([
    ['a file', (zeros: Buffer) => tar(entry('data/a', zeros.toString('latin1')))],
    ['nothing', (zeros: Buffer) => zeros],
    ['what follows the end', (zeros: Buffer) => Buffer.concat([tar(entry('data/a', 'a')), zeros])],
  ])('a bomb of %s', async (_, build) => {
    const bomb = gzipSync(build(Buffer.alloc(2 ** 26)));
    expect(bomb.length).toBeLessThan(70_000);
    const error = await refusal(bomb);
    expect(error.code).toBe('download/archive-size');
    expect(error.message).toContain('at most 100,000 bytes and 20 entries are expected');
  });

  it('but what follows the end within the bound is passed over, and not collected', async () => {
    const files = await unpackBytes(gzipSync(Buffer.concat([tar(entry('data/a', 'a')), Buffer.alloc(2 ** 27)])), {
      bytes: 2 ** 28,
    });
    expect(files.map(({ path }) => path)).toEqual(['data/a']);
  }, 30_000);

  it('a bomb in a bomb', async () => {
    const error = await refusal(gzipSync(gzipSync(Buffer.alloc(2 ** 26))));
    expect(error.code).toBe('download/archive');
    expect(error.message).toContain('it is no tar file');
  });

  it('too many files', async () => {
    const error = await refusal(tarGz(...Array.from({ length: 21 }, (_, i) => entry(`data/${i}`))));
    expect(error.code).toBe('download/archive-size');
    expect(error.message).toContain('more than 20 entries');
  });
});

describe('what is damaged is told', () => {
  const whole = tarGz(entry('data/a', 'x'.repeat(5000)));
  const plain = tar(entry('data/a', 'x'.repeat(5000)));
  const wrongCrc = Buffer.from(whole);
  wrongCrc[whole.length - 8]! ^= 1;
  const wrongSum = Buffer.from(plain);
  wrongSum[0]! ^= 1;

  it.each([
    ['a gzip file that ends too early', whole.subarray(0, whole.length - 10), {}, 'unexpected end of file'],
    ['a gzip file with a wrong sum', wrongCrc, {}, 'incorrect data check'],
    ['no gzip file', Buffer.from('<html>not found</html>'), {}, 'incorrect header check'],
    ['nothing', Buffer.alloc(0), {}, 'unexpected end of file'],
    ['gzip of something else', gzipSync(Buffer.alloc(5000, 'text ')), {}, 'checksum failure'],
    ['gzip of nothing', gzipSync(Buffer.alloc(0)), {}, 'Unrecognized archive format'],
    ['a tar file that ends in a file', plain.subarray(0, 2048), { format: 'tar' }, 'Truncated input'],
    ['a tar file with a wrong header', wrongSum, { format: 'tar' }, 'checksum failure'],
    ['an archive without the folder', tarGz(entry('other/a', 'a')), {}, "it holds no 'data', but other"],
  ] as [string, Buffer, Partial<Archive>, string][])('%s', async (_, bytes, more, reason) => {
    const error = await refusal(bytes, more);
    expect(error.code).toBe('download/archive');
    expect(error.message).toContain(`${join(folder, 'archive')} cannot be unpacked: `);
    expect(error.message).toContain(reason);
  });
});
