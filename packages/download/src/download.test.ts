import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFileSystem } from '@graftjs/core/node';
import { describe, expect, it } from 'vitest';
import { file, hashOf, serve } from '../test/file-server.js';
import { temporaryFolder } from '../test/temporary-folder.js';
import { attempt, changed, content, kinds, weights } from '../test/weights.js';

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
