import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { graft, oracles, packageFolder, temporaryFolder } from '../../test/graft.js';

/** A user's project that has installed some of this repository's plugins. */
async function project(...plugins: string[]): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'node_modules/@graftjs'), { recursive: true });
  for (const plugin of plugins) {
    await symlink(join(packageFolder, '..', plugin), join(folder, 'node_modules/@graftjs', plugin));
  }
  const dependencies = Object.fromEntries(plugins.map((plugin) => [`@graftjs/${plugin}`, '*']));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'project', dependencies }));
  return folder;
}

describe('what is installed is found', () => {
  it('and told with what it brings', async () => {
    const cwd = await project('model-vgg', 'ckpt-slim');
    const { status, stdout } = await graft(['plugins', '--json'], { cwd });
    expect(status).toBe(0);
    const found = JSON.parse(stdout) as { name: string; from: string; brings: Record<string, string[]> }[];
    expect(found.map(({ name }) => name)).toEqual(['@graftjs/ckpt-slim', '@graftjs/model-vgg']);
    expect(found.map(({ from }) => from)).toEqual(
      ['ckpt-slim', 'model-vgg'].map((name) => join(cwd, 'node_modules/@graftjs', name)),
    );
    expect(found[0]!.brings.checkpointFormats).toEqual(['slim-v1', 'slim-v2']);
    expect(found[1]!.brings.backbones).toContain('vgg_16');
    expect(found[1]!.brings.checkpointFormats).toEqual([]);
    const fcn = await graft(['plugins', '--json'], { cwd: await project('seg-fcn') });
    expect(JSON.parse(fcn.stdout)[0].brings.segmenters).toEqual(['fcn_32s', 'fcn_16s', 'fcn_8s']);
  });
  it('in a project without any there is nothing', async () => {
    const cwd = await project();
    expect(JSON.parse((await graft(['plugins', '--json'], { cwd })).stdout)).toEqual([]);
    expect((await graft(['models'], { cwd })).stdout).toMatch(/npm install @graftjs\/model-vgg/);
    expect((await graft(['datasets'], { cwd })).stdout).toMatch(/npm install @graftjs\/data-folder/);
  });
  it('networks and data sets are listed', async () => {
    const models = JSON.parse((await graft(['models', '--json'])).stdout) as { name: string; heads: string[] }[];
    expect(models.find(({ name }) => name === 'fcn_8s')).toMatchObject({ backbone: 'vgg_16', strides: [8, 16, 32] });
    expect(models.find(({ name }) => name === 'vgg_16')).toMatchObject({
      defaults: { classes: 1000, size: 224 },
      heads: ['slim', 'pooled'],
      preprocessing: 'vgg',
    });
    const datasets = JSON.parse((await graft(['datasets', '--json'])).stdout) as { name: string }[];
    expect(datasets.map(({ name }) => name)).toEqual(['cifar10', 'folder', 'voc', 'voc_aug']);
    expect((await graft(['datasets'])).stdout).toMatch(/^cifar10 +CIFAR-10/m);
  });
});

describe('what is missing is named with the package that brings it', () => {
  it.each([
    [['summary', 'vgg_16'], '@graftjs/model-vgg'],
    [['summary', 'resnet_v1_50'], '@graftjs/model-resnet'],
    [['summary', 'fcn_8s'], '@graftjs/seg-fcn'],
    [['verify', join(oracles, 'fcn/fcn_8s_96x128.json')], '@graftjs/seg-fcn'],
    [['inspect', 'some.ckpt'], '@graftjs/ckpt-slim'],
    [['convert', 'a.ckpt', 'b.ckpt'], '@graftjs/ckpt-slim'],
  ])('%j', async (args, name) => {
    const { status, stderr } = await graft(args, { cwd: await project('engine-onnx') });
    expect(status).toBe(1);
    expect(stderr).toContain(name);
  });
  it('an engine', async () => {
    const cwd = await project('model-vgg');
    const { status, stderr } = await graft(['verify', join(oracles, 'forward/vgg_a.json')], { cwd });
    expect(status).toBe(1);
    expect(stderr).toMatch(/no engine 'onnx'.*npm install @graftjs\/engine-onnx/);
  });
  it('but not where the package is there, and the name is wrong', async () => {
    const { status, stderr } = await graft(['summary', 'vgg_17']);
    expect(status).toBe(1);
    expect(stderr).toMatch(/no backbone 'vgg_17'\. Installed: .*vgg_a/);
    expect(stderr).not.toMatch(/npm install/);
  });
});
