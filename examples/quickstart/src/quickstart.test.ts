import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ckptSlim from '@graftjs/ckpt-slim';
import { createContainer } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import dataFolder from '@graftjs/data-folder';
import engineOnnx from '@graftjs/engine-onnx';
import modelVgg from '@graftjs/model-vgg';
import { finetune, type RunEvent } from '@graftjs/trainer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { drawEmoji } from './emoji.js';
import { regimes, size } from './regimes.js';

const checkpoint = fileURLToPath(new URL('../vgg_16_quarter_cifar10.ckpt', import.meta.url));
let folder: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quickstart-'));
  data = join(folder, 'emoji');
  await drawEmoji(data, size, () => {});
});
afterAll(() => rm(folder, { recursive: true }));

it('draws the artists’ emoji in eight classes, none of an artist in both splits, and no skin tones', async () => {
  const names = async (split: string) => {
    const classes = await readdir(join(data, split));
    return { classes, names: (await Promise.all(classes.map((name) => readdir(join(data, split, name))))).flat() };
  };
  const [train, test] = [await names('train'), await names('test')];
  expect(train.classes).toHaveLength(8);
  expect(test.classes).toEqual(train.classes);
  expect(new Set(train.names.map((name) => name.split('_')[0]))).toEqual(new Set(['noto', 'twemoji']));
  expect(new Set(test.names.map((name) => name.split('_')[0]))).toEqual(new Set(['fluent-emoji-flat']));
  expect(train.names).toContain('noto_grinning-face.png');
  expect([...train.names, ...test.names].filter((name) => /skin-tone|artist-(dark|light|medium)/.test(name))).toEqual(
    [],
  );
});

it('tells a third artist’s emoji apart after some steps on two others’', async () => {
  const all = regimes(data, checkpoint).find(({ name }) => name === 'all')!;
  const { epochs, ...config } = all.config;
  const events: RunEvent[] = [];
  const container = createContainer([ckptSlim, dataFolder, engineOnnx, modelVgg]);
  const run = { files, folder: join(folder, 'run'), onEvent: (event: RunEvent) => void events.push(event) };
  const { metrics } = await finetune({ ...config, steps: 80 }, container, run);
  const restored = events
    .find((event) => event.type === 'restored')!
    .rows.filter(({ status }) => status === 'restored');
  expect(restored).toHaveLength(30);
  // The commonest class is 22% of the test images.
  expect(metrics.top1).toBeGreaterThan(0.33);
});
