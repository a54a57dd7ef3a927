import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GraftError } from '../errors.js';
import { discoverPlugins } from './discover-plugins.js';

// Discovery imports packages from outside of the test runner, so they take core's built output, as users do.
const core = pathToFileURL(join(import.meta.dirname, '../../dist/index.js')).href;
const pluginSource = (name: string) =>
  `import { definePlugin } from '${core}';\nexport default definePlugin({ name: '${name}', register() {} });\n`;

let project: string;
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'graft-discovery-'));
});
afterEach(() => rm(project, { recursive: true }));

async function write(files: Record<string, string | object>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(project, path)), { recursive: true });
    await writeFile(join(project, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
}
const manifest = (name: string, keywords: string[] = ['graft-plugin']) => ({
  name,
  version: '1.2.3',
  type: 'module',
  exports: './index.js',
  keywords,
});

describe('plugins are found', () => {
  it('among the dependencies, by keyword', async () => {
    await write({
      'package.json': {
        dependencies: { 'plugin-a': '*', other: '*' },
        devDependencies: { '@scope/plugin-b': '*' },
        optionalDependencies: { absent: '*' },
      },
      'node_modules/plugin-a/package.json': manifest('plugin-a'),
      'node_modules/plugin-a/index.js': pluginSource('plugin-a'),
      'node_modules/@scope/plugin-b/package.json': manifest('@scope/plugin-b'),
      'node_modules/@scope/plugin-b/index.js': pluginSource('@scope/plugin-b'),
      'node_modules/other/package.json': manifest('other', []),
      'node_modules/other/index.js': 'throw new Error("It must not be loaded.")',
    });
    await mkdir(join(project, 'deep/er'), { recursive: true });
    for (const folder of [project, join(project, 'deep/er')]) {
      const found = await discoverPlugins(folder);
      expect(found.map(({ plugin, version }) => [plugin.name, version])).toEqual([
        ['@scope/plugin-b', '1.2.3'],
        ['plugin-a', '1.2.3'],
      ]);
    }
  });
  it('in the project itself, where it is one', async () => {
    await write({ 'package.json': manifest('mine'), 'index.js': pluginSource('mine') });
    expect((await discoverPlugins(project)).map(({ plugin }) => plugin.name)).toEqual(['mine']);
  });
  it('in graft.config.ts', async () => {
    await write({
      'package.json': { type: 'module' },
      'graft.config.ts': `import { definePlugin, type Plugin } from '${core}';\nconst plugins: Plugin[] = [definePlugin({ name: 'here', register() {} })];\nexport default { plugins };\n`,
    });
    expect((await discoverPlugins(project)).map(({ plugin, from }) => [plugin.name, from])).toEqual([
      ['here', join(project, 'graft.config.ts')],
    ]);
  });
});

describe('what cannot be loaded is named', () => {
  const failure = async (): Promise<GraftError> => {
    const error = await discoverPlugins(project).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (GraftError.isInstance(error)) return error;
    throw new Error(`A GraftError is expected, and ${error} came.`);
  };
  const depending = {
    'package.json': { dependencies: { 'plugin-a': '*' } },
    'node_modules/plugin-a/package.json': manifest('plugin-a'),
  };

  it('a package that fails', async () => {
    await write({ ...depending, 'node_modules/plugin-a/index.js': 'throw new Error("no GPU")' });
    const error = await failure();
    expect(error.code).toBe('plugin/failed');
    expect(error.message).toMatch(/plugin-a.*no GPU/);
    expect((error.cause as Error).message).toBe('no GPU');
  });
  it('a package whose default export is no plugin', async () => {
    await write({ ...depending, 'node_modules/plugin-a/index.js': 'export default { name: "plugin-a" }' });
    expect((await failure()).code).toBe('plugin/not-a-plugin');
  });
  it('a package.json that is no JSON', async () => {
    await write({ 'package.json': '{' });
    expect((await failure()).code).toBe('plugin/bad-manifest');
  });
  it('one after the other, where that is asked for, and the others are found', async () => {
    const dependencies = { 'plugin-a': '*', 'plugin-b': '*', 'plugin-c': '*' };
    await write({
      'package.json': { dependencies },
      'node_modules/plugin-a/package.json': manifest('plugin-a'),
      'node_modules/plugin-a/index.js': 'throw new Error("no GPU")',
      'node_modules/plugin-b/package.json': '{',
      'node_modules/plugin-c/package.json': manifest('plugin-c'),
      'node_modules/plugin-c/index.js': pluginSource('plugin-c'),
      'graft.config.mjs': 'export default { plugins: 1 }',
    });
    const codes: string[] = [];
    const found = await discoverPlugins(project, { onFailure: ({ code }) => codes.push(code) });
    expect(found.map(({ plugin }) => plugin.name)).toEqual(['plugin-c']);
    expect(codes).toEqual(['plugin/failed', 'plugin/bad-manifest', 'plugin/bad-config']);
  });
  it('a config that lists something else', async () => {
    await write({ 'package.json': {}, 'graft.config.ts': 'export default { plugins: ["plugin-a"] }' });
    expect((await failure()).code).toBe('plugin/bad-config');
  });
});
