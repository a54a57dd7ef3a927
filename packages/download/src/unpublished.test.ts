import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Download, DownloadError } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { entry, tarGz } from '../test/archives.js';
import { type Answer, beginning, file, hashOf, serve } from '../test/file-server.js';
import { temporaryFolder } from '../test/temporary-folder.js';
import { type DownloadOptions, download } from './download.js';
import type { DownloadEvent } from './download-event.js';

/** Bytes that no compression or repetition makes look alike. */
const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => ((i * 2654435761) >>> 13) ^ (i >> 7)));

async function failure(record: Download, options: DownloadOptions): Promise<DownloadError> {
  const error: unknown = await download(record, { retryDelay: 1, ...options }).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DownloadError);
  return error as DownloadError;
}

describe('what nobody publishes size and hash of', () => {
  const limit = 500_000;
  const noise = content.toString('latin1');
  const archive = tarGz(entry('weights', noise));
  const unpublished = (origin: string, more: Partial<Download> = {}): Download => ({
    name: 'weights',
    description: 'weights of nothing',
    licence: 'none',
    address: `${origin}/weights.tar.gz`,
    archive: { format: 'tar.gz', entry: 'weights', bytes: limit, entries: 2 },
    ...more,
  });
  /** Sends it without saying how much there is. */
  const unannounced: Answer = (_, response) => {
    response.writeHead(200, { etag: '"1"' }).write(archive.subarray(0, 1000));
    response.end(archive.subarray(1000));
  };

  it.each([
    ['announces its size', file(archive), archive.length],
    ['does not', unannounced, undefined],
  ])('is taken as it comes from a server that %s, and noted', async (_, answer, total) => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(answer);
    const events: DownloadEvent[] = [];
    const onEvent = (event: DownloadEvent) => events.push(event);
    const result = await download(unpublished(origin), { folder, onEvent });
    const path = join(folder, 'weights');
    expect(result).toEqual({ name: 'weights', path, status: 'downloaded', unpublished: hashOf(archive) });
    const received = events.filter(({ type }) => type === 'received').at(-1);
    expect(received).toEqual({ type: 'received', done: archive.length, ...(total && { total }) });
    expect(events).toContainEqual({ type: 'verifying', done: archive.length, total: archive.length });
    expect(await readFile(path, 'utf8')).toBe(noise);
    expect(await download(unpublished(origin), { folder })).toEqual({ ...result, status: 'present' });
    await writeFile(path, noise.replace(/.$/s, 'x'));
    const error = await failure(unpublished(origin), { folder });
    expect(error.message).toContain('1 of its files are not as they were: weights');
    expect(asked).toHaveLength(1);
  });

  it('is found out where another hash is published later', async () => {
    const folder = await temporaryFolder();
    const { origin } = await serve(file(archive));
    await download(unpublished(origin), { folder });
    const hash = (value: string) => unpublished(origin, { hash: { algorithm: 'sha256', value } });
    expect((await download(hash(hashOf(archive)), { folder })).status).toBe('present');
    expect((await failure(hash(hashOf(content)), { folder })).message).toContain('another version');
  });

  it('is noted where it is no archive, too', async () => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(file(content));
    const { archive: _, ...record } = unpublished(origin);
    const path = join(folder, 'weights.tar.gz');
    const result = { name: 'weights', path, unpublished: hashOf(content) };
    expect(await download(record, { folder })).toEqual({ ...result, status: 'downloaded' });
    expect(await download(record, { folder })).toEqual({ ...result, status: 'present' });
    await truncate(path, content.length - 1);
    expect((await failure(record, { folder })).code).toBe('download/target');
    expect(asked).toHaveLength(1);
  });

  it('goes on in another call, which knows what was announced', async () => {
    const folder = await temporaryFolder();
    const middle = archive.length >> 1;
    const { origin, asked } = await serve(beginning(archive, middle), file(archive));
    const stop = new AbortController();
    const error = await failure(unpublished(origin), {
      folder,
      signal: stop.signal,
      onEvent: (event) => event.type === 'received' && event.done === middle && stop.abort(),
    });
    const grouped = (count: number) => count.toLocaleString('en-US');
    expect(error.message).toContain(`${grouped(middle)} bytes of ${grouped(archive.length)} bytes are in`);
    const events: DownloadEvent[] = [];
    const onEvent = (event: DownloadEvent) => events.push(event);
    expect((await download(unpublished(origin), { folder, onEvent })).status).toBe('downloaded');
    expect(events[0]).toMatchObject({ type: 'start', from: middle, total: archive.length });
    expect(asked.map(({ range }) => range)).toEqual([undefined, `bytes=${middle}-`]);
    expect(await readFile(join(folder, 'weights'), 'utf8')).toBe(noise);
  });

  it.each([
    ['announces', beginning(Buffer.alloc(limit + 1), 0), '500,001 bytes'],
    ['sends', (_, response) => response.writeHead(200).end(Buffer.alloc(limit + 1)), 'more than 500,000 bytes'],
  ] as [string, Answer, string][])(
    'may not be larger than its archive: a server that %s that',
    async (_, answer, size) => {
      const folder = await temporaryFolder();
      const { origin } = await serve(answer);
      const error = await failure(unpublished(origin), { folder });
      expect(error.code).toBe('download/size');
      expect(error.message).toContain(`has ${size}, and at most 500,000 bytes are expected`);
      expect(await readdir(folder)).toEqual([]);
    },
  );
});
