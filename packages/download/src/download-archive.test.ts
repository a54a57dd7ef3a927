import { execFile } from 'node:child_process';
import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Download } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { entry, tarGz } from '../test/archives.js';
import { beginning, file, hashOf, serve } from '../test/file-server.js';
import { temporaryFolder } from '../test/temporary-folder.js';
import { download, downloadPath } from './download.js';
import type { DownloadEvent } from './download-event.js';

const noise = Buffer.from(Uint8Array.from({ length: 400_000 }, (_, i) => 32 + (((i * 2654435761) >>> 9) % 90)));
const archive = tarGz(
  entry('data/', '', { type: 'Directory' }),
  entry('data/a.bin', noise.toString('latin1')),
  entry('data/deep/b.txt', 'b'),
);

const recordAt = (origin: string, bytes = archive): Download => ({
  name: 'set',
  description: 'a data set of nothing',
  licence: 'none',
  address: `${origin}/set.tar.gz`,
  bytes: bytes.length,
  hash: { algorithm: 'sha256', value: hashOf(bytes) },
  archive: { format: 'tar.gz', entry: 'data', bytes: 1_000_000, entries: 10 },
});

const names = async (folder: string) => (await readdir(folder)).sort();

async function fails(record: Download, folder: string) {
  return download(record, { folder, retryDelay: 1 }).then(
    () => expect.unreachable(),
    (error) => error as { code: string; message: string },
  );
}

describe('an archive', () => {
  it('is unpacked and taken away, and what came of it is recognised', async () => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(file(archive));
    const record = recordAt(origin);
    const events: DownloadEvent[] = [];
    const result = await download(record, { folder, onEvent: (event) => events.push(event) });
    expect(result).toEqual({ name: 'set', path: join(folder, 'data'), status: 'downloaded' });
    expect(downloadPath(record, folder)).toBe(join(folder, 'data'));
    expect(await names(folder)).toEqual(['.data.download.json', 'data']);
    expect((await readFile(join(folder, 'data/a.bin'))).equals(noise)).toBe(true);
    expect([...new Set(events.map(({ type }) => type))]).toEqual(['start', 'received', 'verifying', 'unpacking']);
    expect(events.at(-1)).toEqual({ type: 'unpacking', done: archive.length, total: archive.length });
    await writeFile(join(folder, 'data/mine'), 'more');
    expect((await download(record, { folder })).status).toBe('present');
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['is of another size', (folder: string) => appendFile(join(folder, 'data/deep/b.txt'), 'b'), 'data/deep/b.txt'],
    [
      'has other bytes',
      (folder: string) => writeFile(join(folder, 'data/a.bin'), Buffer.from(noise).reverse()),
      'data/a.bin',
    ],
    ['is gone', (folder: string) => rm(join(folder, 'data/a.bin')), 'data/a.bin'],
  ])('of which a file %s is not taken for good, and stays', async (_, change, changed) => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(file(archive));
    await download(recordAt(origin), { folder });
    await change(folder);
    const error = await fails(recordAt(origin), folder);
    expect(error.code).toBe('download/target');
    expect(error.message).toContain(`1 of its files are not as they were: ${changed}`);
    expect(await names(folder)).toEqual(['.data.download.json', 'data']);
    expect(asked).toHaveLength(1);
  });

  it.each([
    ['without a note', undefined, 'no note beside it'],
    ['with a note that cannot be read', '{"hash"', 'no note beside it'],
    ['with a note of something else', '{"hash":1,"files":[null]}', 'no note beside it'],
    ['of another version', '{"hash":"00","files":[]}', 'another version'],
  ])('whose folder is there %s is not unpacked over it', async (_, note, reason) => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(file(archive));
    await mkdir(join(folder, 'data'));
    if (note !== undefined) await writeFile(join(folder, '.data.download.json'), note);
    const error = await fails(recordAt(origin), folder);
    expect(error.code).toBe('download/target');
    expect(error.message).toContain(reason);
    expect(await readdir(join(folder, 'data'))).toEqual([]);
    expect(asked).toEqual([]);
  });

  it('that is hostile leaves nothing behind', async () => {
    const folder = await temporaryFolder();
    const hostile = tarGz(entry('data/a', 'a'), entry('data/../../b', 'b'));
    const { origin } = await serve(file(hostile));
    const error = await fails(recordAt(origin, hostile), folder);
    expect(error.code).toBe('download/unsafe-archive');
    expect(await names(folder)).toEqual([]);
  });

  it('that was stopped while it was unpacked goes on without the server', async () => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(file(archive));
    const stop = new AbortController();
    const stopped = download(recordAt(origin), {
      folder,
      signal: stop.signal,
      onEvent: ({ type }) => type === 'unpacking' && stop.abort(),
    });
    await expect(stopped).rejects.toMatchObject({ code: 'download/aborted' });
    expect(await names(folder)).toEqual(['set.tar.gz.part', 'set.tar.gz.part.json']);
    expect((await download(recordAt(origin), { folder })).status).toBe('downloaded');
    expect(asked).toHaveLength(1);
  });
});

const child = fileURLToPath(new URL('../test/download-child.mjs', import.meta.url));

/** Runs a process that downloads, and dies by SIGKILL at an event. */
const killedAt = (record: Download, folder: string, type: DownloadEvent['type'], done: number) =>
  new Promise<string | null>((resolve) => {
    const process_ = execFile(process.execPath, [child, JSON.stringify(record), folder, type, `${done}`], () =>
      resolve(process_.signalCode),
    );
  });

describe.skipIf(process.platform === 'win32')('a process that is killed', () => {
  it('while it fetches has its successor go on from there', async () => {
    const folder = await temporaryFolder();
    const half = Math.floor(archive.length / 2);
    const { origin, asked } = await serve(beginning(archive, half), file(archive));
    expect(await killedAt(recordAt(origin), folder, 'received', half)).toBe('SIGKILL');
    expect((await stat(join(folder, 'set.tar.gz.part'))).size).toBe(half);
    expect((await download(recordAt(origin), { folder })).status).toBe('downloaded');
    expect(asked.map(({ range }) => range)).toEqual([undefined, `bytes=${half}-`]);
    expect(await readFile(join(folder, 'data/deep/b.txt'), 'utf8')).toBe('b');
    expect(await names(folder)).toEqual(['.data.download.json', 'data']);
  });

  it('while it unpacks leaves no folder that could be taken for good, and its successor cleans up', async () => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(file(archive));
    expect(await killedAt(recordAt(origin), folder, 'unpacking', archive.length)).toBe('SIGKILL');
    expect(await names(folder)).toEqual([
      '.data.unpacking',
      'set.tar.gz.lock',
      'set.tar.gz.part',
      'set.tar.gz.part.json',
    ]);
    await writeFile(join(folder, '.data.unpacking/rest'), 'of an earlier one');
    expect((await download(recordAt(origin), { folder })).status).toBe('downloaded');
    expect(asked).toHaveLength(1);
    expect(await names(folder)).toEqual(['.data.download.json', 'data']);
    expect(await readdir(join(folder, 'data'))).toEqual(['a.bin', 'deep']);
  });
});
