import { mkdtemp, readdir, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nodeFileSystem } from './file-system.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

it('reads at any position, and refuses to read past the end', async () => {
  const path = join(folder, 'a');
  await nodeFileSystem.write(path, [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)]);
  const file = await nodeFileSystem.open(path);
  const into = new Uint8Array(3);
  await file.read(1, into);
  expect([...into]).toEqual([2, 3, 4]);
  expect(file.size).toBe(5);
  await expect(file.read(3, into)).rejects.toThrow(`${path} ends at byte 5`);
  await file.close();
});

it('leaves the old file whole, and no other, where a new one fails half way', async () => {
  const path = join(folder, 'a');
  await nodeFileSystem.write(path, [Uint8Array.of(7)]);
  async function* failing() {
    yield Uint8Array.of(1, 2, 3);
    throw new Error('the source is gone');
  }
  await expect(nodeFileSystem.write(path, failing())).rejects.toThrow('the source is gone');
  expect([...(await readFile(path))]).toEqual([7]);
  expect(await readdir(folder)).toEqual(['a']);
});

it('says what is there, and that nothing is', async () => {
  await nodeFileSystem.makeFolder(join(folder, 'x/y'));
  await nodeFileSystem.append(join(folder, 'x/b'), Uint8Array.of(1));
  await nodeFileSystem.append(join(folder, 'x/b'), Uint8Array.of(2, 3));
  expect(await nodeFileSystem.stat(join(folder, 'x/y'))).toMatchObject({ kind: 'folder' });
  expect(await nodeFileSystem.stat(join(folder, 'x/b'))).toEqual({ kind: 'file', size: 3 });
  expect(await nodeFileSystem.stat(join(folder, 'x/b/c'))).toBeUndefined();
  expect(await nodeFileSystem.list(join(folder, 'x'))).toEqual(['b', 'y']);
  await nodeFileSystem.remove(join(folder, 'x/b'));
  await nodeFileSystem.remove(join(folder, 'x/b'));
  expect(await nodeFileSystem.list(join(folder, 'x'))).toEqual(['y']);
});

it('puts a file in the place of another, and removes folders that are empty', async () => {
  const draft = join(folder, 'draft');
  await nodeFileSystem.makeFolder(draft);
  await nodeFileSystem.write(join(folder, 'a'), [Uint8Array.of(7)]);
  await nodeFileSystem.write(join(draft, 'b'), [Uint8Array.of(1, 2)]);
  await expect(nodeFileSystem.remove(draft)).rejects.toThrow('ENOTEMPTY');
  await nodeFileSystem.move(join(draft, 'b'), join(folder, 'a'));
  await nodeFileSystem.remove(draft);
  expect(await readdir(folder)).toEqual(['a']);
  expect([...(await readFile(join(folder, 'a')))]).toEqual([1, 2]);
  await expect(nodeFileSystem.move(join(folder, 'c'), join(folder, 'a'))).rejects.toThrow('ENOENT');
});

it('finds out where a link leads', async () => {
  await nodeFileSystem.makeFolder(join(folder, 'x'));
  await nodeFileSystem.write(join(folder, 'x/a'), []);
  await symlink(join(folder, 'x'), join(folder, 'y'));
  const real = await realpath(folder);
  expect(await nodeFileSystem.realPath(join(folder, 'y/a'))).toBe(join(real, 'x/a'));
  await expect(nodeFileSystem.realPath(join(folder, 'y/b'))).rejects.toThrow('ENOENT');
});

it.skipIf(process.platform !== 'linux')('refuses a folder that the system does not let be made', async () => {
  await expect(nodeFileSystem.makeFolder('/proc/nothing/there')).rejects.toThrow('ENOENT');
  await nodeFileSystem.write(join(folder, 'a'), []);
  await expect(nodeFileSystem.makeFolder(join(folder, 'a'))).rejects.toThrow('EEXIST');
});
