import { execFile, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Download } from '@graftjs/core';
import { expect, it } from 'vitest';
import { entry, tarGz } from '../test/archives.js';
import { file, hashOf, serve } from '../test/file-server.js';
import { temporaryFolder } from '../test/temporary-folder.js';

/** A small disk of its own, which no other process sees and which ends with the command. */
const disk = (folder: string) =>
  ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m none "$1" && shift && exec "$@"', 'sh', folder] as const;

const canMount = spawnSync('unshare', [...disk('/mnt'), 'true']).status === 0;

const noise = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => 32 + (((i * 2654435761) >>> 9) % 90)));
const archive = tarGz(entry('data/a.bin', noise.toString('latin1')));

const child = fileURLToPath(new URL('../test/disk-full-child.mjs', import.meta.url));

it.skipIf(!canMount).each([
  ['fetched', 'start', []],
  ['fetched in part', 'received', ['set.tar.gz.part', 'set.tar.gz.part.json']],
  ['unpacked', 'verifying', ['set.tar.gz.part', 'set.tar.gz.part.json']],
])('a disk that fills up while it is %s is told, harms nothing, and is gone on from', async (_, type, kept) => {
  const folder = await temporaryFolder();
  const { origin } = await serve(file(archive));
  const record: Download = {
    name: 'set',
    description: 'a data set of nothing',
    licence: 'none',
    address: `${origin}/set.tar.gz`,
    bytes: archive.length,
    hash: { algorithm: 'sha256', value: hashOf(archive) },
    archive: { format: 'tar.gz', entry: 'data', bytes: 320_000, entries: 10 },
  };
  const output = await new Promise<string>((resolve) => {
    execFile('unshare', [...disk(folder), process.execPath, child, JSON.stringify(record), folder, type], (_, stdout) =>
      resolve(stdout),
    );
  });
  const { first, left, second } = JSON.parse(output) as {
    first: Error & { code: string };
    left: string[];
    second: string;
  };
  expect(first.code).toBe('download/disk-full');
  expect(first.message).toContain(folder);
  expect(left).toEqual(['filler', 'mine', ...kept]);
  expect(second).toBe('downloaded');
});
