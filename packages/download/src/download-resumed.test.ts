import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Answer, beginning, file, hashOf, serve, status } from '../test/file-server.js';
import { temporaryFolder } from '../test/temporary-folder.js';
import { attempt, changed, content, half, leaveHalf, noteAddress, weights } from '../test/weights.js';

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
