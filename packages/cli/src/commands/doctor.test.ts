import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { arch, availableParallelism, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { graft, packageFolder, temporaryFolder } from '../../test/graft.js';
import type { Examination } from '../doctor/examine.js';

async function doctor(cwd: string, cache: string) {
  const options = { cwd, env: { ...process.env, GRAFT_CACHE: cache } };
  const { status, stdout, stderr } = await graft(['doctor', '--json'], options);
  return { status, stderr, found: JSON.parse(stdout) as Examination };
}

/** What `npm install` puts into a project. */
async function project(packages: Record<string, string | { manifest: object; source: string }>): Promise<string> {
  const folder = await temporaryFolder();
  const dependencies = Object.fromEntries(Object.keys(packages).map((name) => [name, '*']));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'project', dependencies }));
  await mkdir(join(folder, 'node_modules/@graftjs'), { recursive: true });
  for (const [name, content] of Object.entries(packages)) {
    const at = join(folder, 'node_modules', name);
    if (typeof content === 'string') {
      await symlink(join(packageFolder, '..', content), at);
      continue;
    }
    const { manifest, source } = content;
    await mkdir(at, { recursive: true });
    const whole = { name, type: 'module', exports: './index.js', keywords: ['graft-plugin'], ...manifest };
    await writeFile(join(at, 'package.json'), JSON.stringify(whole));
    await writeFile(join(at, 'index.js'), source);
  }
  return folder;
}

const complete = Object.fromEntries(
  ['ckpt-slim', 'data-folder', 'engine-onnx', 'model-vgg'].map((name) => [`@graftjs/${name}`, name]),
);

describe('where nothing is wrong', () => {
  it('the machine, the engine, plugins and caches are told, and the status is 0', async () => {
    const cwd = await project(complete);
    const cache = join(await temporaryFolder(), 'cache');
    await mkdir(join(cache, 'data/deep'), { recursive: true });
    await writeFile(join(cache, 'data/a'), Buffer.alloc(1000));
    await writeFile(join(cache, 'data/deep/b'), Buffer.alloc(234));
    const { status, found, stderr } = await doctor(cwd, cache);
    expect(found.problems).toEqual([]);
    expect([status, stderr]).toEqual([0, '']);
    expect(found.node).toEqual({ version: process.versions.node, required: '>=20' });
    expect(found.system).toMatchObject({ platform: platform(), architecture: arch(), cores: availableParallelism() });
    const { total, available } = found.system.memory;
    expect(total).toBe(totalmem());
    expect(available).toBeGreaterThan(0);
    expect(available).toBeLessThanOrEqual(total);
    expect(found.system.disks.map(({ folder }) => folder)).toEqual([cwd, cache]);
    const [{ name, runtime, devices } = expect.unreachable()] = found.engines;
    expect([name, runtime]).toEqual(['onnx', expect.stringMatching(/^onnxruntime-node 1\.\d+\.\d+$/)]);
    expect(devices.map(({ device }) => device)).toEqual(['cpu', 'cuda', 'webgpu']);
    expect(devices[0]).toEqual({ device: 'cpu', lacks: [] });
    expect(found.plugins.map((plugin) => [plugin.name, plugin.from])).toEqual(
      Object.keys(complete).map((plugin) => [plugin, join(cwd, 'node_modules', plugin)]),
    );
    expect(found.caches).toEqual([
      { name: 'features', folder: join(cache, 'features'), files: 0, bytes: 0 },
      { name: 'data', folder: join(cache, 'data'), files: 2, bytes: 1234 },
    ]);
  });

  it('people are told the same', async () => {
    const { status, stdout } = await graft(['doctor'], { cwd: await project(complete) });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ {2}Node +\d+\.\d+\.\d+ \(20 or later is needed\)$/m);
    expect(stdout).toMatch(/^Engine onnx, on onnxruntime-node .*\n {2}cpu +works$/m);
    expect(stdout).toMatch(/\nNothing is wrong\.\n$/);
  });
});

describe('what is wrong is told with what mends it, and the status is 1', () => {
  it('a project without plugins', async () => {
    const { status, found } = await doctor(await project({}), join(await temporaryFolder(), 'cache'));
    expect(status).toBe(1);
    expect(found.problems).toEqual([
      { what: 'No plugin brings an engine.', remedy: 'npm install @graftjs/engine-onnx' },
      { what: 'No plugin brings a network.', remedy: 'npm install @graftjs/model-vgg' },
      { what: 'No plugin brings a data set.', remedy: 'npm install @graftjs/data-folder' },
      { what: 'No plugin brings a checkpoint format.', remedy: 'npm install @graftjs/ckpt-slim' },
    ]);
  });

  it('plugins that cannot be loaded, do not register, or bring the same; the others are examined', async () => {
    const core = join(packageFolder, 'node_modules/@graftjs/core/dist/index.js');
    const plugin = (name: string, body: string) =>
      `import { BACKBONE, definePlugin } from '${core}';
      export default definePlugin({ name: '${name}', register(c) { ${body} } });`;
    const twice = plugin('z-twice', `c.register(BACKBONE, { useValue: { name: 'vgg_16' } });`);
    const cwd = await project({
      ...complete,
      'a-throws': { manifest: {}, source: 'throw new Error("no such library");' },
      'b-fails': { manifest: {}, source: plugin('b-fails', 'throw new Error("not today");') },
      'z-twice': { manifest: { version: '3.2.1' }, source: twice },
    });
    const { status, found } = await doctor(cwd, join(await temporaryFolder(), 'cache'));
    expect(status).toBe(1);
    const told = found.problems.map(({ what }) => what);
    expect(told).toEqual([
      expect.stringMatching(/^The plugin a-throws .* could not be loaded: no such library$/),
      expect.stringMatching(/^The plugin b-fails could not register: not today$/),
      expect.stringMatching(/^Two plugins bring a backbone named 'vgg_16'/),
    ]);
    expect(found.plugins.map(({ name }) => name)).toEqual([...Object.keys(complete), 'z-twice']);
    expect(found.plugins.at(-1)!.version).toBe('3.2.1');
    expect(found.engines.map(({ name }) => name)).toEqual(['onnx']);
    const { stdout } = await graft(['doctor'], { cwd });
    expect(stdout).toMatch(/^Wrong: 3\n {2}- The plugin a-throws .*\n {4}to mend it: .*npm install/m);
  });

  it('an engine that runs on nothing', async () => {
    const core = join(packageFolder, 'node_modules/@graftjs/core/dist/index.js');
    const engine = `{ name: 'none', description: '', devices: ['cpu'], async probe() {
      return { runtime: 'none 1', devices: [{ device: 'cpu', lacks: [{ what: 'there is no processor', remedy: 'buy one' }] }] };
    } }`;
    const source = `import { ENGINE, definePlugin } from '${core}';
      export default definePlugin({ name: 'none', register(c) { c.register(ENGINE, { useValue: ${engine} }); } });`;
    const { status, found } = await doctor(
      await project({ none: { manifest: {}, source } }),
      join(await temporaryFolder(), 'cache'),
    );
    expect(status).toBe(1);
    expect(found.problems).toContainEqual({
      what: 'The engine none runs on nothing here: there is no processor.',
      remedy: 'buy one',
    });
  });

  it('a package.json that cannot be read, and a cache that cannot be used', async () => {
    const cwd = await temporaryFolder();
    await writeFile(join(cwd, 'package.json'), '{');
    await writeFile(join(cwd, 'file'), '');
    const { status, found } = await doctor(cwd, join(cwd, 'file/cache'));
    expect(status).toBe(1);
    const told = found.problems.map(({ what }) => what).join('\n');
    expect(told).toMatch(/^.*package\.json is not JSON: /m);
    expect(told).toMatch(/^The cache .*file\/cache\/features cannot be used: ENOTDIR/m);
  });
});
