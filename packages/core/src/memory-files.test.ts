import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { FileSystem } from './files.js';
import { createMemoryFiles } from './memory-files.js';
import { nodeFileSystem } from './node/file-system.js';

const disk = await mkdtemp(join(tmpdir(), 'graft-memory-files-'));
afterAll(() => rm(disk, { recursive: true }));
let tests = 0;

// Each law holds on disk, too: what behaves otherwise in memory would behave otherwise in a browser.
describe.each<[string, () => FileSystem, string]>([
  ['in memory', createMemoryFiles, '/'],
  ['on disk', () => nodeFileSystem, disk],
])('files %s', (_, create, root) => {
  let files: FileSystem;
  let folder: string;
  beforeEach(async () => {
    files = create();
    folder = `${root.replace(/\/$/, '')}/test${tests++}`;
    await files.makeFolder(folder);
  });
  const read = async (path: string) => {
    const file = await files.open(path);
    const into = new Uint8Array(file.size);
    await file.read(0, into);
    await file.close();
    return [...into];
  };

  it('are written, added to, read at any place and listed', async () => {
    await files.makeFolder(`${folder}/b/c`);
    await files.write(`${folder}/a`, [Uint8Array.of(1, 2), Uint8Array.of(3)]);
    for (const byte of [4, 5]) await files.append(`${folder}/a`, Uint8Array.of(byte));
    await files.append(`${folder}//b/./new`, Uint8Array.of(9));
    await files.sync(`${folder}/b/new`);
    expect(await files.list(folder)).toEqual(['a', 'b']);
    expect(await files.list(`${folder}/b/`)).toEqual(['c', 'new']);
    expect(await read(`${folder}/a`)).toEqual([1, 2, 3, 4, 5]);
    expect(await read(`${folder}/b/new`)).toEqual([9]);
    expect(await files.stat(`${folder}/a`)).toEqual({ kind: 'file', size: 5 });
    expect(await files.stat(`${folder}/b`)).toMatchObject({ kind: 'folder' });
    expect(await files.stat(`${folder}/a/b`)).toBeUndefined();
    const file = await files.open(`${folder}/a`);
    const part = new Uint8Array(2);
    await file.read(2, part);
    expect([...part]).toEqual([3, 4]);
    await expect(file.read(4, part)).rejects.toThrow('ends at byte 5');
    await file.close();
  });

  it('keep what was read when they are replaced, and stay when what replaces them fails', async () => {
    await files.write(`${folder}/a`, [Uint8Array.of(1)]);
    const reused = Uint8Array.of(7);
    async function* chunks() {
      yield reused;
      reused[0] = 8;
      yield reused;
      throw new Error('the source is gone');
    }
    await expect(files.write(`${folder}/a`, chunks())).rejects.toThrow('the source is gone');
    expect(await read(`${folder}/a`)).toEqual([1]);
    const old = await files.open(`${folder}/a`);
    await files.write(`${folder}/a`, [Uint8Array.of(2)]);
    const into = new Uint8Array(1);
    await old.read(0, into);
    await old.close();
    expect([...into]).toEqual([1]);
    expect(await read(`${folder}/a`)).toEqual([2]);
  });

  it('are moved over others, and removed, folders only when they are empty', async () => {
    await files.makeFolder(`${folder}/b`);
    await files.write(`${folder}/a`, [Uint8Array.of(1)]);
    await files.write(`${folder}/b/a`, [Uint8Array.of(2)]);
    await files.move(`${folder}/b/a`, `${folder}/a`);
    expect(await files.list(`${folder}/b`)).toEqual([]);
    expect(await read(`${folder}/a`)).toEqual([2]);
    await expect(files.remove(folder)).rejects.toThrow();
    for (const name of ['a', 'a', 'b']) await files.remove(`${folder}/${name}`);
    expect(await files.list(folder)).toEqual([]);
  });

  it('are refused where there is no folder, or another thing', async () => {
    await files.write(`${folder}/a`, []);
    await files.makeFolder(`${folder}/b`);
    for (const refused of [
      () => files.write(`${folder}/none/a`, []),
      () => files.write(`${folder}/b`, []),
      () => files.append(`${folder}/none/a`, Uint8Array.of(1)),
      () => files.sync(`${folder}/none`),
      () => files.open(`${folder}/none`),
      () => files.list(`${folder}/none`),
      () => files.realPath(`${folder}/none`),
      () => files.move(`${folder}/none`, `${folder}/c`),
      () => files.makeFolder(`${folder}/a`),
      () => files.lock(`${folder}/none/lock`),
    ])
      await expect(refused(), String(refused)).rejects.toThrow();
  });

  it('that are missing are told by a code', async () => {
    for (const ask of [files.open, files.list, files.realPath]) {
      await expect(ask(`${folder}/none`), String(ask)).rejects.toMatchObject({ code: 'ENOENT' });
    }
  });

  it('have locks that one holds at a time', async () => {
    const lock = await files.lock(`${folder}/lock`);
    if ('heldBy' in lock) throw new Error('It is held.');
    expect(await files.lock(`${folder}/lock`)).toMatchObject({ heldBy: expect.any(String) });
    await lock.release();
    expect(await files.lock(`${folder}/lock`)).not.toHaveProperty('heldBy');
  });
});

it('files in memory may be there from the start, and what is done to them is not done to what they were made of', async () => {
  const bytes = Uint8Array.of(1, 2);
  const files = createMemoryFiles([
    ['/run/a', bytes],
    ['b', bytes],
  ]);
  expect(await files.list('/run')).toEqual(['a']);
  expect(await files.realPath('b')).toBe('/b');
  for (const path of ['/run/a', './b']) {
    await files.append(path, Uint8Array.of(3));
    const file = await files.open(path);
    const into = new Uint8Array(3);
    await file.read(0, into);
    expect([...into], path).toEqual([1, 2, 3]);
  }
  expect([...bytes]).toEqual([1, 2]);
  expect(() =>
    createMemoryFiles([
      ['/run', bytes],
      ['/run/a', bytes],
    ]),
  ).toThrow('/run is a file');
});
