import { describe, expect, it } from 'vitest';
import type { Backbone } from './backbone.js';
import { GraftError } from './errors.js';
import { BACKBONE, createContainer, definePlugin, registry, resolve } from './plugin.js';

const backbone = (name: string): Backbone => ({
  name,
  description: '',
  defaults: { classes: 2, size: 8 },
  heads: ['own'],
  preprocessing: 'vgg',
  build: () => {
    throw new Error('Not built here.');
  },
});
const plugin = (name: string, ...backbones: string[]) =>
  definePlugin({
    name,
    register: (container) => {
      for (const each of backbones) container.register(BACKBONE, { useValue: backbone(each) });
    },
  });

const code = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (GraftError.isInstance(error)) return `${error.code}: ${error.message}`;
  }
  throw new Error('No GraftError was thrown.');
};

describe('a container', () => {
  it('holds what all plugins register', () => {
    const container = createContainer([plugin('one', 'net_a', 'net_b'), plugin('two', 'net_c')]);
    expect([...registry(container, BACKBONE).keys()]).toEqual(['net_a', 'net_b', 'net_c']);
    expect(resolve(container, BACKBONE, 'net_c').name).toBe('net_c');
  });
  it('shares nothing with another', () => {
    createContainer([plugin('one', 'net_a')]);
    expect(registry(createContainer([]), BACKBONE).size).toBe(0);
  });
  it('names what there is where something is missing', () => {
    expect(code(() => resolve(createContainer([plugin('one', 'net_a', 'net_b')]), BACKBONE, 'net_x'))).toBe(
      "plugin/missing: There is no backbone 'net_x'. Installed: net_a, net_b.",
    );
    expect(code(() => resolve(createContainer([]), BACKBONE, 'net_x'))).toBe(
      "plugin/missing: There is no backbone 'net_x'. No installed plugin brings a backbone.",
    );
  });
  it('refuses two of one name', () => {
    const container = createContainer([plugin('one', 'net_a'), plugin('two', 'net_a')]);
    expect(code(() => registry(container, BACKBONE))).toMatch(/^plugin\/name-twice: .*'net_a'/);
    expect(code(() => createContainer([plugin('one'), plugin('one')]))).toMatch(/^plugin\/name-twice: .*one/);
  });
  it('says which plugin failed, and why', () => {
    const broken = definePlugin({
      name: 'broken',
      register: () => {
        throw new TypeError('no such file');
      },
    });
    expect(code(() => createContainer([broken]))).toBe(
      'plugin/failed: The plugin broken could not register: no such file',
    );
  });
});
