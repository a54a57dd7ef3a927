import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { bin, graft, graftInterrupted, packageFolder, temporaryFolder, writeCifar10 } from '../../test/graft.js';

const content = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, i) => ((i * 2654435761) >>> 13) & 255));
const half = content.length / 2;
const sha256 = createHash('sha256').update(content).digest('hex');

let out: string;
let cache: string;
let origin: string;
/** What the server was asked for, with the range. */
let asked: string[];
/** Whether the server sends the first half only, and then waits. */
let stalls: boolean;

beforeEach(async () => {
  const folder = await temporaryFolder();
  [out, cache, asked, stalls] = [join(folder, 'out'), join(folder, 'cache'), [], false];
  const server = createServer(({ url, headers }, response) => {
    asked.push([url, ...(headers.range ? [headers.range] : [])].join(' '));
    if (url === '/gone.bin') return response.writeHead(404).end();
    const start = Number(/\d+/.exec(headers.range ?? '0')![0]);
    const range = `bytes ${start}-${content.length - 1}/${content.length}`;
    response.writeHead(start > 0 ? 206 : 200, {
      etag: '"1"',
      'content-length': content.length - start,
      ...(start > 0 && { 'content-range': range }),
    });
    return stalls ? response.write(content.subarray(start, half)) : response.end(content.subarray(start));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

/** A project with a plugin of its own, which brings two downloads. */
async function project(): Promise<string> {
  const cwd = await temporaryFolder();
  const core = join(packageFolder, 'node_modules/@graftjs/core/dist/index.js');
  const records = ['weights', 'gone'].map((name) => ({
    name,
    description: `${name} of nothing`,
    licence: 'free',
    address: `${origin}/${name}.bin`,
    bytes: content.length,
    hash: { algorithm: 'sha256', value: sha256 },
  }));
  await writeFile(join(cwd, 'package.json'), '{}');
  await writeFile(
    join(cwd, 'graft.config.mjs'),
    `import { DOWNLOAD, definePlugin } from '${core}';
    const records = ${JSON.stringify(records)};
    const register = (c) => records.forEach((useValue) => c.register(DOWNLOAD, { useValue }));
    export default { plugins: [definePlugin({ name: 'mine', register })] };`,
  );
  return cwd;
}

const environment = () => ({ ...process.env, GRAFT_CACHE: cache });

describe('graft download', () => {
  it('fetches into the cache, and says so the second time', async () => {
    const options = { cwd: await project(), env: environment() };
    const path = join(cache, 'data/weights.bin');
    const before = await graft(['download', '--json'], options);
    expect(JSON.parse(before.stdout)).toMatchObject([
      { name: 'weights', bytes: content.length, path, present: false },
      { name: 'gone', present: false },
    ]);
    const first = await graft(['download', 'weights'], options);
    expect(first).toMatchObject({ status: 0, stdout: `weights is there: ${path}\n` });
    expect(first.stderr).toBe(`Fetching 200 kB from ${origin}/weights.bin\n`);
    expect((await readFile(path)).equals(content)).toBe(true);
    const second = await graft(['download', 'weights'], options);
    expect(second).toMatchObject({
      status: 0,
      stdout: `weights was there already, and every file of it is right: ${path}\n`,
      stderr: '',
    });
    expect((await graft(['download'], options)).stdout).toMatch(/^weights +200 kB +yes +weights of nothing +free$/m);
    expect(asked).toEqual(['/weights.bin']);
  });

  it('tells what fails, and goes on with the others', async () => {
    const cwd = await project();
    const { status, stdout, stderr } = await graft(['download', 'gone', 'weights', '--out', out, '--json'], { cwd });
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual([
      { name: 'gone', code: 'download/status', error: expect.stringContaining('status 404') },
      { name: 'weights', path: join(out, 'weights.bin'), status: 'downloaded' },
    ]);
    expect(stderr).toMatch(/^Error: http.*\/gone\.bin is not to be had: the server answers with status 404/m);
    expect(await readdir(out)).toEqual(['weights.bin']);
  });

  it('comes from a mirror', async () => {
    const args = ['download', 'weights', '--out', out, '--from', `${origin}/mirror/`];
    expect((await graft(args, { cwd: await project() })).status).toBe(0);
    expect(asked).toEqual(['/mirror/weights.bin']);
  });

  it('goes on where it was after it was killed', async () => {
    const cwd = await project();
    stalls = true;
    const child = spawn(process.execPath, [bin, 'download', 'weights', '--out', out], { cwd });
    const part = join(out, 'weights.bin.part');
    await vi.waitFor(async () => expect((await stat(part)).size).toBe(half), { timeout: 60_000 });
    child.kill('SIGKILL');
    await new Promise((resolve) => child.on('close', resolve));
    stalls = false;
    const { status, stderr } = await graft(['download', 'weights', '--out', out], { cwd });
    expect(status).toBe(0);
    expect(stderr).toBe(`Going on after 100 kB of 200 kB from ${origin}/weights.bin\n`);
    expect(asked).toEqual(['/weights.bin', `/weights.bin bytes=${half}-`]);
    expect((await readFile(join(out, 'weights.bin'))).equals(content)).toBe(true);
  });

  it('stops at Ctrl-C, and says how to go on', async () => {
    const cwd = await project();
    stalls = true;
    const args = ['download', 'weights', '--out', out];
    const { status, stderr } = await graftInterrupted(args, [/^Fetching/m], { cwd });
    expect(status).toBe(130);
    expect(stderr).toMatch(
      /^Stopping; what came is kept\.\nError: Stopped\. .* the same command goes on from them\.$/m,
    );
  });

  it.each([
    [['download', 'nothing'], 1, /no download 'nothing'\. Installed: weights, gone/],
    [['download', 'weights', '--from', 'ftp://x/y'], 2, /'ftp:\/\/x\/y' is no address to download from/],
    [['download', 'weights', 'gone', '--from', 'http://x/y'], 2, /the address of one file, and 2 are to be fetched/],
    [['download', 'weights', '--idle-timeout', '0'], 2, /--idle-timeout.*a number above 0/],
  ])('%j is told', async (args, expected, message) => {
    const { status, stderr } = await graft(args, { cwd: await project(), env: environment() });
    expect(status).toBe(expected);
    expect(stderr).toMatch(message);
    expect(asked).toEqual([]);
  });

  it('names the package that brings a download', async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'package.json'), '{}');
    const { stderr } = await graft(['download', 'cifar10'], { cwd });
    expect(stderr).toMatch(/no download 'cifar10'.*npm install @graftjs\/data-cifar10/);
  });
});

describe('finetune without --data', () => {
  const args = () => ['finetune', '--model', 'vgg_a', '--head', 'pooled', '--size', '32', '--width', '0.0625'];
  const more = () => ['--dataset', 'cifar10', '--steps', '1', '--limit-test', '10', '--out', out];

  it('takes what was downloaded', async () => {
    const folder = await writeCifar10(join(cache, 'data/cifar-10-batches-bin'));
    const { status } = await graft([...args(), ...more()], { env: environment() });
    expect(status).toBe(0);
    const { dataset } = JSON.parse(await readFile(join(out, 'config.json'), 'utf8')) as { dataset: { folder: string } };
    expect(dataset.folder).toBe(folder);
  });

  it('says how to fetch what is not there', async () => {
    await mkdir(cache);
    const { status, stderr } = await graft([...args(), ...more()], { env: environment() });
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^Error: --data is missing, and .*cifar-10-batches-bin is not there\..*graft download cifar10$/m,
    );
  });
});
