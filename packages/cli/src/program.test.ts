import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bin, checkpoints, graft, packageFolder, temporaryFolder } from '../test/graft.js';

describe('usage', () => {
  it('the version is that of the package', async () => {
    const { version } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
    expect(await graft(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });
  it('help goes to standard output and succeeds', async () => {
    const { status, stdout } = await graft(['verify', '--help']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/Usage: graft verify/);
    expect(stdout).toMatch(/tolerance and twice the rounding/);
  });
  it.each([
    [['nonsense'], /unknown command 'nonsense'/],
    [['summary'], /missing required argument 'model'/],
    [['summary', 'vgg_16', '--depth', '3'], /unknown option '--depth'/],
    [['summary', 'vgg_16', '--classes', '2.5'], /--classes.*'2\.5'.*a whole number from 1 on/],
    [['summary', 'vgg_16', '--width', '0'], /--width.*'0'.*a number above 0/],
    [['summary', 'vgg_16', '--size', ''], /--size.*''.*a whole number from 1 on/],
    [['summary', 'vgg_16', '--head', 'none'], /no head of vgg_16 'none'.*slim, pooled/],
  ])('%j is wrong usage', async (args, message) => {
    const { status, stdout, stderr } = await graft(args);
    expect(status).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^Error: /);
    expect(stderr).toMatch(message);
  });
});

describe('errors', () => {
  it('a known one is its message, and its stack with GRAFT_DEBUG', async () => {
    const quiet = await graft(['inspect', 'package.json']);
    expect(quiet.status).toBe(1);
    expect(quiet.stderr).toMatch(/^Error: package\.json is no checkpoint of a known format/);
    expect(quiet.stderr).not.toMatch(/\n +at /);
    const loud = await graft(['inspect', 'package.json'], { env: { ...process.env, GRAFT_DEBUG: '1' } });
    expect(loud.stderr).toMatch(/CheckpointError.*\n +at /);
    expect(loud.stderr).toMatch(/checkpoint\/not-recognised/);
  });
  it('one of the operating system is its message', async () => {
    const { status, stderr } = await graft(['verify', 'missing.json']);
    expect(status).toBe(1);
    expect(stderr).toBe("missing.json: Error: ENOENT: no such file or directory, open 'missing.json'\n");
  });
  it('an unknown one is its stack with a request to report it', async () => {
    const folder = await temporaryFolder();
    const core = join(packageFolder, 'node_modules/@graftjs/core/dist/index.js');
    await writeFile(join(folder, 'package.json'), '{}');
    await writeFile(
      join(folder, 'graft.config.mjs'),
      `import { BACKBONE, definePlugin } from '${core}';
      const broken = { name: 'broken_net', build() { return undefined.nodes; } };
      const plugin = definePlugin({ name: 'x', register: (c) => c.register(BACKBONE, { useValue: broken }) });
      export default { plugins: [plugin] };`,
    );
    const { status, stdout, stderr } = await graft(['summary', 'broken_net'], { cwd: folder });
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/report this[\s\S]*TypeError[\s\S]*graft\.config\.mjs/);
  });
  it('a reader that closes the pipe is none', async () => {
    const child = spawn(process.execPath, [bin, 'inspect', join(checkpoints, 'v1_many.ckpt')], { cwd: packageFolder });
    let stderr = '';
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.stdout.destroy();
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect([status, stderr]).toEqual([0, '']);
  });
});
