import { readdir, stat } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { entry, tarGz } from '../test/archives.js';
import { type Answer, beginning, file, hashOf, serve, status } from '../test/file-server.js';
import { temporaryFolder } from '../test/temporary-folder.js';
import { attempt, changed, content, half, leaveHalf, noteAddress, weights } from '../test/weights.js';

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
