import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { onnx, onnxExporter } from '@graftjs/ckpt-onnx';
import { type Container, DOWNLOAD, EXPORTER, type Exporter } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { checkClose } from '@graftjs/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diskOf } from '../test/disk-of.js';
import { temporaryFolder, testCount, tinyConfig, tinyContainer } from '../test/tiny.js';
import { wrongExporter } from '../test/wrong-exporter.js';
import { evaluationBatches } from './batches.js';
import { evaluate } from './evaluate.js';
import { type ExportRunOptions, exportRun } from './export-run.js';
import { finetune } from './finetune.js';
import { openRun } from './open-run.js';
import { predict } from './predict.js';
import type { RunConfigInput } from './run-config.js';

const config = { ...tinyConfig, movingAverageDecay: 0.9 } satisfies RunConfigInput;

let run: string;
beforeAll(async () => {
  run = `${await mkdtemp(`${tmpdir()}/graft-export-`)}/run`;
  await finetune(config, tinyContainer(), { files, folder: run });
});
afterAll(() => rm(dirname(run), { recursive: true }));

function containerWith(exporter: Exporter): Container {
  const container = tinyContainer();
  container.register(EXPORTER, { useValue: exporter });
  return container;
}

/** Exports to a folder of its own, where a file is already; gives what is there then. */
async function exported(options: Partial<ExportRunOptions> = {}, exporter = onnxExporter) {
  const folder = await temporaryFolder();
  const out = `${folder}/model.onnx`;
  await writeFile(out, 'an earlier one');
  const result = exportRun(run, containerWith(exporter), { files, out, ...options });
  const outcome = await result.catch((error: unknown) => error);
  return { result, outcome, out, folder };
}

const metadataOf = async (path: string): Promise<Record<string, unknown>> => {
  const reader = await onnx.open(path, files);
  await reader.close();
  const parsed = [...reader.metadata!].map(([name, text]) => [name, /^[[{]/.test(text) ? JSON.parse(text) : text]);
  return Object.fromEntries(parsed);
};

/** The probabilities that `predict` gives for all images of `test`, and those of a file. */
async function bothOf(path: string): Promise<{ expected: number[]; found: number[] }> {
  const opened = await openRun(run, tinyContainer(), { files });
  const file = await onnxExporter.open(path);
  try {
    const { classes, preprocessing, session } = opened;
    const { test } = (await opened.openDataset()).splits;
    const images = await Promise.all(Array.from(test.labels.keys(), (index) => test.read(index)));
    const expected: number[] = [];
    for await (const predictions of predict(session, images, classes, { preprocessing, top: classes.length })) {
      const inOrder = predictions.toSorted((a, b) => a.index - b.index);
      expected.push(...inOrder.map(({ probability }) => probability));
    }
    const found: number[] = [];
    for await (const { inputs, labels } of evaluationBatches(test, { size: 8, preprocessing, batchSize: 5 }))
      found.push(...(await file.predict(inputs as Uint8Array, labels.length)));
    return { expected, found };
  } finally {
    await file.close();
    await opened.close();
  }
}

describe('an exported run', () => {
  it('gives what predict gives, from its moving averages, in place of what was there', async () => {
    const { outcome, out, folder } = await exported();
    const { size } = await stat(out);
    expect(outcome).toMatchObject({
      files: [{ path: out, bytes: size }],
      precision: 'float32',
      step: 21,
      compared: testCount,
    });
    expect((outcome as { difference: number }).difference).toBeLessThan(1e-6);
    const { expected, found } = await bothOf(out);
    checkClose(found, expected, 1e-6, 'probabilities');
    expect(await readdir(folder)).toEqual(['model.onnx']);
    // They are not those of the last weights.
    const bare = { ...config, movingAverageDecay: 0 };
    const other = `${await temporaryFolder()}/run`;
    await finetune(bare, tinyContainer(), { files, folder: other });
    const another = `${folder}/other.onnx`;
    await exportRun(other, containerWith(onnxExporter), { files, out: another });
    expect((await readFile(another)).equals(await readFile(out))).toBe(false);
  });

  it('tells labels, preprocessing, scores and licence', async () => {
    const { out } = await exported({ licence: 'CC BY 4.0' });
    const opened = await openRun(run, tinyContainer(), { files });
    const { splits, classes } = await opened.openDataset();
    const { top1, top5, loss } = await evaluate(opened.session, splits.test, classes, opened);
    await opened.close();
    expect(await metadataOf(out)).toEqual({
      model: 'tiny_net',
      labels: ['red', 'green', 'blue'],
      preprocessing: {
        name: 'none',
        height: 8,
        width: 8,
        channels: 'RGB',
        values: expect.stringContaining('0 to 255') as string,
        steps: [{ step: 'resize', height: 8, width: 8 }],
        resizing: expect.stringContaining('bilinear') as string,
      },
      precision: 'float32',
      training: { dataset: 'colours', step: 21 },
      metrics: { split: 'test', count: testCount, top1, top5, loss: expect.closeTo(loss, 6) as number },
      licence: 'CC BY 4.0',
    });
  });

  it('has the licence of the published checkpoint that it began from, if no other is said', async () => {
    const container = containerWith(onnxExporter);
    const record = {
      name: 'tiny',
      description: 'for tests',
      licence: 'CC0 1.0',
      address: 'https://nowhere.invalid/tiny',
    };
    container.register(DOWNLOAD, { useValue: record });
    const opened = await openRun(run, container, { files });
    const checkpoint = { path: opened.checkpoint, pretrained: 'tiny' };
    await opened.close();
    const folder = await temporaryFolder();
    await finetune({ ...tinyConfig, checkpoint, epochs: 1 }, container, { files, folder: `${folder}/run` });
    const licenceOf = async (options: Partial<ExportRunOptions>) => {
      const out = `${folder}/model.onnx`;
      await exportRun(`${folder}/run`, container, { files, out, ...options });
      return (await metadataOf(out)).licence;
    };
    expect(await licenceOf({})).toBe('CC0 1.0');
    expect(await licenceOf({ licence: 'MIT' })).toBe('MIT');
  });

  it.each([
    ['float16', 5e-3],
    ['int8', 0.1],
  ])('in %s is near, smaller, and evaluated beside the original', async (precision, tolerance) => {
    const stages: string[] = [];
    const onProgress = (stage: string) => stages.push(stage);
    const { result, out } = await exported({ precision, onProgress });
    const { scores, original, difference } = await result;
    const { expected, found } = await bothOf(out);
    checkClose(found, expected, tolerance, 'probabilities');
    expect(difference).toBeGreaterThan(1e-6);
    // Counted here once more, by the probabilities that the file gives.
    const opened = await openRun(run, tinyContainer(), { files });
    const { splits, classes } = await opened.openDataset();
    const rows = Array.from(splits.test.labels, (label, i) => ({ label, row: found.slice(3 * i, 3 * i + 3) }));
    const right = rows.filter(({ label, row }) => row.indexOf(Math.max(...row)) === label).length;
    const loss = rows.reduce((sum, { label, row }) => sum - Math.log(row[label]!), 0) / testCount;
    expect(scores).toMatchObject({ top1: right / testCount, loss: expect.closeTo(loss, 5) as number });
    const trained = await evaluate(opened.session, splits.test, classes, opened);
    await opened.close();
    expect(original).toMatchObject({ top1: trained.top1, loss: expect.closeTo(trained.loss, 5) as number });
    const told = await metadataOf(out);
    expect(told.metrics).toMatchObject({ top1: scores!.top1, loss: scores!.loss });
    expect(told.original_metrics).toMatchObject({ top1: original!.top1, loss: original!.loss });
    expect([...new Set(stages)]).toEqual([
      'running the network',
      'finding ranges',
      'evaluating',
      'comparing',
      'evaluating the file',
    ]);
  });
});

const nothingElse = async ({ out, folder }: { out: string; folder: string }) => {
  expect(await readFile(out, 'utf8')).toBe('an earlier one');
  expect(await readdir(folder)).toEqual(['model.onnx']);
};

describe('what was there stays, and nothing else comes', () => {
  it('where the file does not give what the network gives', async () => {
    const done = await exported({}, wrongExporter('tiny_net/logits/biases', 0.01));
    expect(done.outcome).toMatchObject({
      code: 'export/differs',
      message: expect.stringMatching(/For image \d+ and the class \w+ .* 0.0001 is accepted/) as string,
    });
    await nothingElse(done);
  });

  it('where the file gives no numbers', async () => {
    const open: Exporter['open'] = async () => ({
      predict: async (_images, count) => new Float32Array(3 * count).fill(Number.NaN),
      close: async () => {},
    });
    const done = await exported({ precision: 'int8' }, { ...onnxExporter, open });
    expect(done.outcome).toMatchObject({ code: 'export/differs' });
    await nothingElse(done);
  });

  it('where the disk is full at any moment', async () => {
    const whole = (await stat((await exported()).out)).size;
    for (const room of [0, 100, whole / 2, whole - 10]) {
      const done = await exported({ files: diskOf(Math.floor(room)) });
      expect(done.outcome).toMatchObject({
        code: 'export/cannot-write',
        message: expect.stringContaining('ENOSPC: no space left on device') as string,
      });
      await nothingElse(done);
    }
  });

  it.each(['running the network', 'comparing', 'evaluating the file'])('where it is stopped while %s', async (at) => {
    const controller = new AbortController();
    const onProgress = (stage: string) => stage === at && controller.abort();
    const done = await exported({ precision: 'float16', signal: controller.signal, onProgress });
    expect(done.outcome).toMatchObject({ code: 'export/aborted' });
    await nothingElse(done);
  });
});

it('the run stays as it was', async () => {
  const before = await readFile(`${run}/config.json`);
  const names = await readdir(run, { recursive: true });
  await exported({ precision: 'int8' });
  expect(await readdir(run, { recursive: true })).toEqual(names);
  expect(await readFile(`${run}/config.json`)).toEqual(before);
});

describe('what cannot be done is told before the run is opened', () => {
  it.each([
    [{ out: '/tmp/model.tflite' }, 'usage/out', /model.tflite .* Accepted: \*\.onnx/],
    [{ precision: 'int4' }, 'usage/unknown-name', /no precision 'int4'. Accepted: float32, float16, int8/],
  ])('%o', async (options, code, message) => {
    const { outcome } = await exported(options);
    expect(outcome).toMatchObject({ code, message: expect.stringMatching(message) as string });
  });

  it('a folder in the place of the file, and that nothing exports', async () => {
    const out = `${await temporaryFolder()}/folder.onnx`;
    await mkdir(out);
    await expect(exportRun(run, containerWith(onnxExporter), { files, out })).rejects.toThrow(/is a folder/);
    await expect(exportRun(run, tinyContainer(), { files, out })).rejects.toThrow(/npm install @graftjs\/ckpt-onnx/);
  });

  it('a place that cannot be written', async () => {
    const out = `${run}/config.json/model.onnx`;
    await expect(exportRun(run, containerWith(onnxExporter), { files, out })).rejects.toMatchObject({
      code: 'export/cannot-write',
    });
  });
});
