import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { type Download, GraftError } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { entry, tarGz } from '../test/archives.js';
import { type Answer, beginning, file, hashOf, serve, status } from '../test/file-server.js';
import { temporaryFolder } from '../test/temporary-folder.js';
import { type DownloadOptions, download } from './download.js';
import type { DownloadEvent } from './download-event.js';

/** Bytes that no compression or repetition makes look alike. */
const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => ((i * 2654435761) >>> 13) ^ (i >> 7)));
const changed = Buffer.from(content.map((byte) => byte ^ 1));
const half = content.length / 2;

const weights = (address: string, more: Partial<Download> = {}): Download => ({
  name: 'weights',
  description: 'weights of nothing',
  licence: 'none',
  address: `${address}/files/weights.bin`,
  bytes: content.length,
  hash: { algorithm: 'sha256', value: hashOf(content) },
  ...more,
});

interface Outcome {
  readonly error: GraftError | undefined;
  readonly status: string | undefined;
  readonly events: readonly DownloadEvent[];
}

async function attempt(record: Download, options: DownloadOptions): Promise<Outcome> {
  const events: DownloadEvent[] = [];
  const onEvent = (event: DownloadEvent) => {
    events.push(event);
    options.onEvent?.(event);
  };
  try {
    const { status } = await download(record, { retryDelay: 1, ...options, onEvent });
    return { error: undefined, status, events };
  } catch (error) {
    if (!GraftError.isInstance(error)) throw error;
    return { error, status: undefined, events };
  }
}

const kinds = (events: readonly DownloadEvent[]) => [...new Set(events.map(({ type }) => type))];

/** Leaves the first half of the file behind, as a process does that ends there. */
async function leaveHalf(folder: string, answer: Answer): Promise<string> {
  const server = await serve(answer);
  const stop = new AbortController();
  const { error } = await attempt(weights(server.origin), {
    folder,
    signal: stop.signal,
    onEvent: (event) => event.type === 'received' && event.done === half && stop.abort(),
  });
  expect(error?.code).toBe('download/aborted');
  expect(error?.message).toContain('150,000 bytes of 300,000 bytes are in');
  expect((await stat(join(folder, 'weights.bin.part'))).size).toBe(half);
  return server.origin;
}

/** The same address, answered otherwise: `leaveHalf` noted another port. */
async function noteAddress(folder: string, origin: string): Promise<void> {
  const path = join(folder, 'weights.bin.part.json');
  const note = JSON.parse(await readFile(path, 'utf8')) as { address: string };
  await writeFile(path, JSON.stringify({ ...note, address: `${origin}/files/weights.bin` }));
}

describe('a file', () => {
  it('comes whole, and is not fetched again', async () => {
    const folder = join(await temporaryFolder(), 'new/data');
    const server = await serve(file(content));
    const record = weights(server.origin);
    const first = await attempt(record, { folder });
    expect(first.status).toBe('downloaded');
    expect(kinds(first.events)).toEqual(['start', 'received', 'verifying']);
    expect(first.events.filter(({ type }) => type === 'received').at(-1)).toEqual({
      type: 'received',
      done: content.length,
      total: content.length,
    });
    expect((await readFile(join(folder, 'weights.bin'))).equals(content)).toBe(true);
    expect(await readdir(folder)).toEqual(['weights.bin']);
    const again = await attempt(record, { folder });
    expect(again.status).toBe('present');
    expect(kinds(again.events)).toEqual(['verifying']);
    expect(server.asked).toEqual([{ path: '/files/weights.bin', range: undefined, ifRange: undefined }]);
  });

  it('may be known by its MD5 alone', async () => {
    const folder = await temporaryFolder();
    const { origin } = await serve(file(content));
    const md5 = { algorithm: 'md5', value: hashOf(content, 'md5') } as const;
    expect((await attempt(weights(origin, { hash: md5 }), { folder })).status).toBe('downloaded');
    const wrong = await attempt(weights(origin, { hash: { ...md5, value: hashOf(changed, 'md5') } }), { folder });
    expect(wrong.error?.code).toBe('download/target');
    expect(wrong.error?.message).toContain(`has the md5 ${md5.value} instead of ${hashOf(changed, 'md5')}`);
  });

  it.each([
    ['the file of a mirror', '/elsewhere/other.bin', '/elsewhere/other.bin'],
    ['the folder of a mirror', '/mirror/', '/mirror/weights.bin'],
  ])('comes from %s', async (_, from, asked) => {
    const { origin, asked: requests } = await serve(file(content));
    const record = weights('https://nowhere.invalid');
    const { status } = await attempt(record, { folder: await temporaryFolder(), from: origin + from });
    expect(status).toBe('downloaded');
    expect(requests.map(({ path }) => path)).toEqual([asked]);
  });

  it.each(['nonsense', '/tmp/weights.bin', 'file:///tmp/weights.bin', 'ftp://x/y', 'http://me:secret@x/y'])(
    'does not come from %s',
    async (from) => {
      const { error } = await attempt(weights('https://nowhere.invalid'), { folder: await temporaryFolder(), from });
      expect(error?.code).toBe('usage/address');
      expect(error?.message).toContain(`'${from}'`);
    },
  );

  it('that is there and is another one stays as it is', async () => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(file(content));
    await writeFile(join(folder, 'weights.bin'), 'mine');
    const { error } = await attempt(weights(origin), { folder });
    expect(error?.code).toBe('download/target');
    expect(error?.message).toContain(hashOf(content));
    expect(await readFile(join(folder, 'weights.bin'), 'utf8')).toBe('mine');
    expect(asked).toEqual([]);
    await rm(join(folder, 'weights.bin'));
    await mkdir(join(folder, 'weights.bin'));
    expect((await attempt(weights(origin), { folder })).error?.message).toContain('is no file');
  });

  it('that another process is fetching is left to it', async () => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(file(content));
    const lock = await nodeFileSystem.lock(join(folder, 'weights.bin.lock'));
    const { error } = await attempt(weights(origin), { folder });
    expect(error?.code).toBe('download/busy');
    expect(error?.message).toContain(`process ${process.pid}`);
    expect(asked).toEqual([]);
    if ('release' in lock) await lock.release();
    expect((await attempt(weights(origin), { folder })).status).toBe('downloaded');
  });

  it.skipIf(process.platform === 'win32')('does not wait for a pipe in its place', async () => {
    const folder = await temporaryFolder();
    const { execFileSync } = await import('node:child_process');
    execFileSync('mkfifo', [join(folder, 'weights.bin.part')]);
    const { error } = await attempt(weights('https://nowhere.invalid'), { folder });
    expect(error?.code).toBe('download/target');
  });
});

describe('after a break', () => {
  it('goes on in the same call, from where it was', async () => {
    const folder = await temporaryFolder();
    const server = await serve(beginning(content, half), file(content));
    const { status, events } = await attempt(weights(server.origin), {
      folder,
      onEvent: (event) => event.type === 'received' && event.done === half && server.breakOff(),
    });
    expect(status).toBe('downloaded');
    expect(events).toContainEqual({ type: 'retry', reason: 'the connection broke off', delay: 1 });
    expect(server.asked.map(({ range, ifRange }) => [range, ifRange])).toEqual([
      [undefined, undefined],
      [`bytes=${half}-`, `"${hashOf(content)}"`],
    ]);
    expect((await readFile(join(folder, 'weights.bin'))).equals(content)).toBe(true);
  });

  it('goes on in another call', async () => {
    const folder = await temporaryFolder();
    await leaveHalf(folder, beginning(content, half));
    const { origin, asked } = await serve(file(content));
    await noteAddress(folder, origin);
    const { status, events } = await attempt(weights(origin), { folder });
    expect(status).toBe('downloaded');
    expect(events[0]).toEqual({ type: 'start', address: `${origin}/files/weights.bin`, from: half, total: 300_000 });
    expect(asked.map(({ range }) => range)).toEqual([`bytes=${half}-`]);
    expect(await readdir(folder)).toEqual(['weights.bin']);
  });

  it('goes on by the date where there is no entity tag', async () => {
    const folder = await temporaryFolder();
    const dated = { 'last-modified': 'Thu, 04 Jun 2009 18:59:10 GMT' };
    await leaveHalf(folder, beginning(content, half, dated));
    const { origin, asked } = await serve(file(content, dated));
    await noteAddress(folder, origin);
    expect((await attempt(weights(origin), { folder })).status).toBe('downloaded');
    expect(asked).toEqual([
      { path: '/files/weights.bin', range: `bytes=${half}-`, ifRange: 'Thu, 04 Jun 2009 18:59:10 GMT' },
    ]);
  });

  it.each([
    ['a weak tag', { etag: 'W/"1"', 'last-modified': 'Thu, 04 Jun 2009 18:59:10 GMT' }],
    ['nothing', {}],
  ])('starts over where %s says whether the file is the same', async (_, headers) => {
    const folder = await temporaryFolder();
    await leaveHalf(folder, beginning(content, half, headers as Record<string, string>));
    const { origin, asked } = await serve(file(content));
    await noteAddress(folder, origin);
    const { status, events } = await attempt(weights(origin), { folder });
    expect(status).toBe('downloaded');
    expect(asked.map(({ range }) => range)).toEqual([undefined]);
    expect(events).toContainEqual({
      type: 'restart',
      reason: 'the server does not say whether its file is still the same',
    });
  });

  it.each([
    ['from another address', async () => {}],
    [
      'without a note',
      async (folder: string, origin: string) => {
        await noteAddress(folder, origin);
        await truncate(join(folder, 'weights.bin.part.json'), 7);
      },
    ],
    [
      'too long',
      async (folder: string, origin: string) => {
        await noteAddress(folder, origin);
        await writeFile(join(folder, 'weights.bin.part'), Buffer.concat([content, content]));
      },
    ],
  ])('starts over with a part that is %s', async (_, change) => {
    const folder = await temporaryFolder();
    await leaveHalf(folder, beginning(content, half));
    const { origin, asked } = await serve(file(content));
    await change(folder, origin);
    expect((await attempt(weights(origin), { folder })).status).toBe('downloaded');
    expect(asked.map(({ range }) => range)).toEqual([undefined]);
    expect((await readFile(join(folder, 'weights.bin'))).equals(content)).toBe(true);
  });

  it('starts over where the file has changed', async () => {
    const folder = await temporaryFolder();
    await leaveHalf(folder, beginning(changed, half));
    const { origin, asked } = await serve(file(content));
    await noteAddress(folder, origin);
    const { status, events } = await attempt(weights(origin), { folder });
    expect(status).toBe('downloaded');
    expect(events).toContainEqual({ type: 'restart', reason: 'the file on the server has changed' });
    expect(asked).toMatchObject([{ range: `bytes=${half}-`, ifRange: `"${hashOf(changed)}"` }]);
  });

  it('starts over where a server overlooks If-Range, and the file has changed', async () => {
    const folder = await temporaryFolder();
    await leaveHalf(folder, beginning(changed, half));
    const careless: Answer = (request, response) => {
      delete request.headers['if-range'];
      file(content)(request, response);
    };
    const { origin, asked } = await serve(careless);
    await noteAddress(folder, origin);
    const { status, events } = await attempt(weights(origin), { folder });
    expect(status).toBe('downloaded');
    expect(events).toContainEqual({ type: 'retry', reason: 'the file on the server has changed', delay: 1 });
    expect(asked.map(({ range }) => range)).toEqual([`bytes=${half}-`, undefined]);
  });

  it.each([
    ['another place', 'bytes 100-299999/300000'],
    ['a file of another size', `bytes ${half}-400000/400001`],
    ['nobody knows where', 'nonsense'],
  ])('starts over where a server sends what follows %s', async (_, contentRange) => {
    const folder = await temporaryFolder();
    await leaveHalf(folder, beginning(content, half));
    const wrong = status(206, { etag: `"${hashOf(content)}"`, 'content-range': contentRange });
    const { origin, asked } = await serve(wrong, file(content));
    await noteAddress(folder, origin);
    expect((await attempt(weights(origin), { folder })).status).toBe('downloaded');
    expect(asked.map(({ range }) => range)).toEqual([`bytes=${half}-`, undefined]);
  });

  it('starts over where a server sends whole files only', async () => {
    const folder = await temporaryFolder();
    await leaveHalf(folder, beginning(content, half));
    const whole: Answer = (request, response) => {
      delete request.headers.range;
      file(content)(request, response);
    };
    const { origin, asked } = await serve(whole);
    await noteAddress(folder, origin);
    const { status, events } = await attempt(weights(origin), { folder });
    expect(status).toBe('downloaded');
    expect(events).toContainEqual({ type: 'restart', reason: 'the server sends whole files only' });
    expect(asked).toHaveLength(1);
    expect((await readFile(join(folder, 'weights.bin'))).equals(content)).toBe(true);
  });

  it('starts over where the server has no such range', async () => {
    const folder = await temporaryFolder();
    await leaveHalf(folder, beginning(content, half));
    const { origin, asked } = await serve(status(416), file(content));
    await noteAddress(folder, origin);
    expect((await attempt(weights(origin), { folder })).status).toBe('downloaded');
    expect(asked.map(({ range }) => range)).toEqual([`bytes=${half}-`, undefined]);
  });

  it('takes a range in pieces, as a server may send them', async () => {
    const folder = await temporaryFolder();
    await leaveHalf(folder, beginning(content, half));
    const piece: Answer = (_, response) => {
      const etag = `"${hashOf(content)}"`;
      const end = half + 50_000;
      response.writeHead(206, { etag, 'content-range': `bytes ${half}-${end - 1}/${content.length}` });
      response.end(content.subarray(half, end));
    };
    const { origin, asked } = await serve(piece, file(content));
    await noteAddress(folder, origin);
    expect((await attempt(weights(origin), { folder })).status).toBe('downloaded');
    expect(asked.map(({ range }) => range)).toEqual([`bytes=${half}-`, `bytes=${half + 50_000}-`]);
  });

  it('gives up a connection that brings nothing, and tries again', async () => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(beginning(content, half), () => {}, file(content));
    const { status, events } = await attempt(weights(origin), { folder, idleTimeout: 200 });
    expect(status).toBe('downloaded');
    expect(events.filter(({ type }) => type === 'retry')).toEqual([
      { type: 'retry', reason: 'nothing came for 0.2 s', delay: 1 },
      { type: 'retry', reason: 'nothing came for 0.2 s', delay: 2 },
    ]);
    expect(asked.map(({ range }) => range)).toEqual([undefined, `bytes=${half}-`, `bytes=${half}-`]);
  });

  it('ends after some tries with what to do, and keeps what came', async () => {
    const folder = await temporaryFolder();
    const server = await serve(beginning(content, half), status(503));
    const { error, events } = await attempt(weights(server.origin), {
      folder,
      retries: 3,
      onEvent: (event) => event.type === 'received' && event.done === half && server.breakOff(),
    });
    expect(error?.code).toBe('download/connection');
    expect(error?.message).toMatch(
      /the server answers with status 503 \(tried 4 times\)\. 150,000 bytes of 300,000 bytes/,
    );
    expect(error?.message).toContain(join(folder, 'weights.bin.part'));
    const delays = events.flatMap((event) => (event.type === 'retry' ? [event.delay] : []));
    expect(delays).toEqual([1, 2, 4]);
    expect((await stat(join(folder, 'weights.bin.part'))).size).toBe(half);
    expect(await readdir(folder)).toEqual(['weights.bin.part', 'weights.bin.part.json']);
  });

  it('has all its tries again once it got further', async () => {
    const folder = await temporaryFolder();
    const large = Buffer.alloc(3 * 2 ** 20, content);
    const megabyte: Answer = ({ headers: { range } }, response) => {
      const start = Number(/\d+/.exec(range ?? '0')![0]);
      const rest = { 'content-length': large.length - start, 'content-range': `bytes ${start}-${large.length - 1}/*` };
      response.writeHead(range ? 206 : 200, { etag: '"1"', ...rest }).write(large.subarray(start, start + 2 ** 20));
    };
    const server = await serve(megabyte, megabyte, megabyte);
    const { status, events } = await attempt(
      weights(server.origin, { bytes: large.length, hash: { algorithm: 'sha256', value: hashOf(large) } }),
      {
        folder,
        retries: 1,
        onEvent: (event) => event.type === 'received' && event.done % 2 ** 20 === 0 && server.breakOff(),
      },
    );
    expect(status).toBe('downloaded');
    expect(events.filter(({ type }) => type === 'retry')).toHaveLength(2);
  });

  it('says what is wrong with a server that is not there', async () => {
    const folder = await temporaryFolder();
    const { error } = await attempt(weights('http://nowhere.invalid'), { folder, retries: 1 });
    expect(error?.code).toBe('download/connection');
    expect(error?.message).toContain(
      'http://nowhere.invalid/files/weights.bin could not be fetched: its server is not',
    );
  });
});

describe('a server', () => {
  it.each([404, 403, 410])('that answers %i is not asked again', async (code) => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(status(code));
    const { error } = await attempt(weights(origin), { folder });
    expect(error?.code).toBe('download/status');
    expect(error?.message).toContain(
      `${origin}/files/weights.bin is not to be had: the server answers with status ${code}`,
    );
    expect(error?.details).toMatchObject({ status: code });
    expect(await readdir(folder)).toEqual([]);
    expect(asked).toHaveLength(1);
  });

  it.each([500, 502, 503, 429, 408])('that answers %i is asked again', async (code) => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(status(code), status(code), file(content));
    expect((await attempt(weights(origin), { folder })).status).toBe('downloaded');
    expect(asked).toHaveLength(3);
  });

  it('may send on to another address', async () => {
    const folder = await temporaryFolder();
    const target = await serve(file(content));
    const { origin } = await serve(status(302, { location: '/next' }), status(301, { location: `${target.origin}/a` }));
    expect((await attempt(weights(origin), { folder })).status).toBe('downloaded');
    expect(target.asked.map(({ path }) => path)).toEqual(['/a']);
  });

  it.each([
    ['in a circle', { location: '/files/weights.bin' }, 6],
    ['nowhere', {}, 1],
    ['off the web', { location: 'ftp://example.org/weights.bin' }, 1],
  ])('may not send %s', async (_, headers, count) => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(status(302, headers as Record<string, string>));
    const { error } = await attempt(weights(origin), { folder });
    expect(error?.code).toBe('download/redirects');
    expect(asked).toHaveLength(count);
  });

  it.each([
    ['announces too few bytes', status(200, { 'content-length': '13' }), '13 bytes'],
    ['announces too many bytes', beginning(Buffer.concat([content, content]), 0), '600,000 bytes'],
    ['ends too early', (_, response) => response.end(content.subarray(1)), '299,999 bytes'],
    ['does not end', (_, response) => response.write(Buffer.concat([content, content])), 'more than 300,000 bytes'],
  ] as [string, Answer, string][])('that %s has another file', async (_, answer, size) => {
    const folder = await temporaryFolder();
    const { origin, asked } = await serve(answer);
    const { error } = await attempt(weights(origin), { folder });
    expect(error?.code).toBe('download/size');
    expect(error?.message).toContain(`${origin}/files/weights.bin has ${size}, and 300,000 bytes are expected`);
    expect(asked).toHaveLength(1);
    expect(await readdir(folder)).toEqual([]);
  });

  it('that sends a page instead of the file costs nothing that was there', async () => {
    const folder = await temporaryFolder();
    await leaveHalf(folder, beginning(content, half));
    const { origin } = await serve(status(200, { 'content-length': '19' }));
    await noteAddress(folder, origin);
    expect((await attempt(weights(origin), { folder })).error?.code).toBe('download/size');
    expect((await stat(join(folder, 'weights.bin.part'))).size).toBe(half);
  });

  it('that sends the wrong bytes is found out, and nothing of it is kept', async () => {
    const folder = await temporaryFolder();
    const { origin } = await serve(file(changed), file(content));
    const { error } = await attempt(weights(origin), { folder });
    expect(error?.code).toBe('download/hash');
    for (const part of ['weights.bin from', hashOf(changed), hashOf(content)]) expect(error?.message).toContain(part);
    expect(await readdir(folder)).toEqual([]);
    expect((await attempt(weights(origin), { folder })).status).toBe('downloaded');
  });

  it.each(['1.0', '1.1'])('of HTTP/%s that closes the connection with the last byte has sent all', async (version) => {
    const folder = await temporaryFolder();
    const large = Buffer.alloc(3 * 2 ** 20, content);
    const server = createServer((socket) => {
      socket.once('data', () => {
        socket.write(`HTTP/${version} 200 OK\r\ncontent-length: ${large.length}\r\nconnection: close\r\n\r\n`);
        socket.end(large);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const hash = { algorithm: 'sha256', value: hashOf(large) } as const;
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect((await attempt(weights(address, { bytes: large.length, hash }), { folder })).status).toBe('downloaded');
  });

  it('may be reached through the proxy that the environment names', async () => {
    const { origin, asked } = await serve(file(content));
    vi.stubEnv('http_proxy', origin);
    vi.stubEnv('no_proxy', 'direct.invalid');
    onTestFinished(() => void vi.unstubAllEnvs());
    const folder = await temporaryFolder();
    expect((await attempt(weights('http://example.invalid'), { folder })).status).toBe('downloaded');
    expect(asked.map(({ path }) => path)).toEqual(['http://example.invalid/files/weights.bin']);
    const direct = await attempt(weights('http://direct.invalid'), { folder: await temporaryFolder(), retries: 0 });
    expect(direct.error?.code).toBe('download/connection');
  });

  it('that compresses on the way does not change what is hashed', async () => {
    const folder = await temporaryFolder();
    const archive = tarGz(entry('weights.bin', 'x'));
    const { origin } = await serve(file(archive, { 'content-encoding': 'x-gzip' }));
    const hash = { algorithm: 'sha256', value: hashOf(archive) } as const;
    expect((await attempt(weights(origin, { bytes: archive.length, hash }), { folder })).status).toBe('downloaded');
  });
});

it('what needs more room than there is does not begin', async () => {
  const folder = await temporaryFolder();
  const { origin, asked } = await serve(file(content));
  const { error } = await attempt(weights(origin, { bytes: 1e17 }), { folder });
  expect(error?.code).toBe('download/disk-full');
  expect(error?.message).toMatch(
    /^weights needs up to 100,000,000,000,000,000 bytes in .*, where [\d,]+ bytes are free/,
  );
  expect(asked).toEqual([]);
});

it.skipIf(process.platform === 'win32')('a folder that cannot be made is an error that names it', async () => {
  const { error } = await attempt(weights('https://nowhere.invalid'), { folder: '/dev/null/data' });
  expect(error?.code).toBe('download/storage');
  expect(error?.message).toContain('/dev/null/data cannot be written or read');
});
