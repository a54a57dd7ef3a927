import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onnxExporter } from '@graftjs/ckpt-onnx';
import { voidLabel } from '@graftjs/core';
import { formulaImage } from '@graftjs/core/testing';
import { encodeMask } from '@graftjs/report';
import { SegmentationMetrics, type SegmentationScores } from '@graftjs/trainer';
import { decode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graft, temporaryFolder } from '../../test/graft.js';

const classes = ['dark', 'red', 'blue'];
const names = { train: ['a', 'b', 'c', 'd', 'e', 'f'], val: ['x', 'y'] };
/** Odd, and no squares. */
const [height, width] = [43, 57];

/** Noise with a red and a blue rectangle; the first column is void. */
function draw(name: string) {
  const data = formulaImage(name, height, width).map((value) => value >> 1);
  const mask = new Uint8Array(height * width);
  const at = name.charCodeAt(0) % 5;
  for (const [label, left] of [
    [1, 4 + at],
    [2, 30 + at],
  ] as const) {
    for (let y = 5 + at; y < 27; y++) {
      for (let x = left; x < left + 20; x++) {
        mask[y * width + x] = label;
        data[(y * width + x) * 3 + (label === 1 ? 0 : 2)]! += 120;
      }
    }
  }
  for (let y = 0; y < height; y++) mask[y * width] = voidLabel;
  return { data, mask };
}

/** A data set in VOC's layout. */
async function writeStreets(root: string): Promise<string> {
  for (const folder of ['JPEGImages', 'SegmentationClass', 'ImageSets/Segmentation']) {
    await mkdir(join(root, folder), { recursive: true });
  }
  await writeFile(join(root, 'classes.txt'), classes.join('\n'));
  for (const [split, listed] of Object.entries(names)) {
    await writeFile(join(root, `ImageSets/Segmentation/${split}.txt`), listed.join('\n'));
    for (const name of listed) {
      const { data, mask } = draw(name);
      const image = sharp(data, { raw: { height, width, channels: 3 } });
      await image.png().toFile(join(root, `JPEGImages/${name}.png`));
      await writeFile(join(root, `SegmentationClass/${name}.png`), encodeMask(mask, height, width));
    }
  }
  return root;
}

const network = ['--backbone', 'vgg_a', '--width', '0.0625', '--dense-channels', '8', '--size', '32'];
const training = ['--dataset', 'voc', '--augment', 'crop,flip', '--batch-size', '3', '--steps', '3', '--seed', '1'];
const finetune = (data: string, run: string, ...more: string[]) =>
  graft(['finetune', ...network, ...training, '--data', data, '--out', run, ...more]);
const parse = <T>(text: string) => JSON.parse(text) as T;
type Evaluated = SegmentationScores & { split: string; sheet: string };

let folder: string;
let streets: string;
let run: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-masks-'));
  streets = await writeStreets(join(folder, 'streets'));
  run = join(folder, 'run');
  const stages = ['--model', 'fcn_8s', '--stages', '32s,8s', '--learning-rate', '0.003,0.001'];
  const { status, stdout, stderr } = await finetune(streets, run, ...stages, '--class-weights', 'median', '--json');
  expect(status, stderr).toBe(0);
  expect(stderr).toMatch(/^Stage 1 of 2: fcn_32s$(?:.|\n)*^Stage 2 of 2: fcn_8s$/m);
  expect(parse(stdout)).toMatchObject({
    run,
    steps: 3,
    stages: [
      { run: `${run}/fcn_32s`, steps: 3 },
      { run: `${run}/fcn_8s`, steps: 3 },
    ],
  });
});
afterAll(() => rm(folder, { recursive: true }));

const images = () => names.val.map((name) => join(streets, `JPEGImages/${name}.png`));

describe('a run that tells the class of each pixel', () => {
  it.each([[[]], [['--window', '32', '--scales', '0.75,1', '--flip']]])(
    'is measured by the very masks that it predicts, %j',
    async (views) => {
      const evaluated = await graft(['evaluate', run, '--json', ...views]);
      expect(evaluated.status, evaluated.stderr).toBe(0);
      const out = join(await temporaryFolder(), 'masks');
      const predicted = await graft(['predict', run, ...images(), '--out', out, '--json', ...views]);
      expect(predicted.status, predicted.stderr).toBe(0);
      const results = parse<{ file: string; mask: string; overlay: string; classes: { share: number }[] }[]>(
        predicted.stdout,
      );
      const metrics = new SegmentationMetrics(classes);
      for (const [index, { file, mask, overlay, classes: found }] of results.entries()) {
        expect(file).toBe(images()[index]);
        const png = decode(await readFile(mask));
        expect([png.height, png.width, png.channels]).toEqual([height, width, 1]);
        metrics.add(draw(names.val[index]!).mask, png.data as Uint8Array);
        expect(found.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
        expect(await sharp(overlay).metadata()).toMatchObject({ height, width, channels: 3 });
      }
      const { sheet, split, ...scores } = parse<Evaluated>(evaluated.stdout);
      expect(split).toBe('test');
      expect(scores).toEqual(metrics.result());
      expect(await sharp(sheet).metadata()).toMatchObject({ format: 'png', width: 4 * 256 + 5 * 12 });
    },
  );

  it('is measured the same at its end and afterwards', async () => {
    const lines = (await readFile(join(run, 'fcn_8s/metrics.jsonl'), 'utf8')).trim().split('\n');
    const last = parse<Record<string, unknown>>(lines.at(-1)!);
    expect(last).toMatchObject({ type: 'evaluation', step: 3 });
    expect(last).toMatchObject(
      parse<object>(
        (await graft(['evaluate', run, '--json', '--sheet', `${folder}/s.png`])).stdout.replace(
          /,"sheet":.*(?=\})/,
          '',
        ),
      ),
    );
  });

  it('tells people what it is and does', async () => {
    const { stdout } = await graft(['evaluate', run]);
    expect(stdout).toMatch(/^test: mean IoU [\d.]+ %, pixel accuracy [\d.]+ %, .* on 2 images$/m);
    expect(stdout).toMatch(/^0 +dark +\d+ +[\d.]+ % +[\d.]+ %$/m);
    expect(stdout).toMatch(/The worst and the best images: .*fcn_8s\/sheet-test.png$/m);
  });

  it('is exported as a file of images in and masks out', async () => {
    const out = join(await temporaryFolder(), 'streets.onnx');
    const exported = await graft(['export', run, '--out', out, '--size', `${height}x${width}`]);
    expect(exported.status, exported.stderr).toBe(0);
    expect(exported.stdout).toMatch(/on 2 images: the classes of pixels are the same[.,]/);
    const masks = await temporaryFolder();
    await graft(['predict', run, images()[0]!, '--out', masks]);
    const file = await onnxExporter.open(out);
    const found = await file.predict(draw('x').data, 1);
    await file.close();
    expect(found).toEqual(decode(await readFile(join(masks, 'x.png'))).data);
  });

  it('is evaluated, predicts and is exported on another engine', async () => {
    const engine = ['--engine', 'tfjs', '--backend', 'wasm'];
    const own = parse<Evaluated>((await graft(['evaluate', run, '--json'])).stdout);
    const other = await graft(['evaluate', run, '--json', ...engine]);
    expect(other.status, other.stderr).toBe(0);
    const { meanIou, confusion } = parse<Evaluated>(other.stdout);
    expect([meanIou, confusion]).toEqual([own.meanIou, own.confusion]);
    const out = await temporaryFolder();
    const predicted = await graft(['predict', run, images()[0]!, '--out', out, ...engine]);
    expect(predicted.status, predicted.stderr).toBe(0);
    const ownFolder = await temporaryFolder();
    await graft(['predict', run, images()[0]!, '--out', ownFolder]);
    expect(decode(await readFile(join(out, 'x.png')))).toEqual(decode(await readFile(join(ownFolder, 'x.png'))));
    const exported = await graft(['export', run, '--out', join(out, 'streets.onnx'), ...engine]);
    expect(exported.stdout, exported.stderr).toMatch(/on 2 images: the classes of pixels are the same[.,]/);
  });

  it('refuses options of the other kind', async () => {
    const top = await graft(['predict', run, images()[0]!, '--top', '2']);
    expect(top).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/--top is for classes of images.*gives masks/),
    });
    const window = await graft(['evaluate', run, '--window', '3']);
    expect(window).toMatchObject({ status: 2, stderr: expect.stringMatching(/a whole number from 16 on/) });
    const rates = await finetune(streets, `${folder}/no`, '--model', 'fcn_8s', '--learning-rate', '1e-3,1e-4');
    expect(rates).toMatchObject({ status: 2, stderr: expect.stringMatching(/2 learning rates and 1 stages/) });
  });
});

describe('a folder with one broken mask among good ones', () => {
  const palette = (mask: Uint8Array) => encodeMask(mask, height, width);
  const rgb = () =>
    sharp(draw('c').data, { raw: { height, width, channels: 3 } })
      .png()
      .toBuffer();
  it.each<[string, () => Uint8Array | Promise<Uint8Array>, RegExp]>([
    ['cut short', () => palette(draw('c').mask).subarray(0, 60), /cannot be decoded/],
    ['of another size', () => encodeMask(new Uint8Array(20), 4, 5), /is 4 x 5 pixels, and its image 43 x 57/],
    ['an image of colours', rgb, /is a PNG that is RGB/],
    ['with a label that is no class', () => palette(draw('c').mask.with(70, 9)), /has the label 9 at column 13, row 1/],
  ])('%s: is named, and can be left out', async (_, broken, message) => {
    const data = await writeStreets(join(await temporaryFolder(), 'streets'));
    const path = join(data, 'SegmentationClass/c.png');
    await writeFile(path, await broken());
    const out = join(data, '../run');
    const failed = await finetune(data, out, '--model', 'fcn_32s');
    expect(failed.status).toBe(1);
    expect(failed.stderr).toMatch(message);
    expect(failed.stderr).toContain(path);
    const skipped = await finetune(data, `${out}-2`, '--model', 'fcn_32s', '--corrupt', 'skip', '--json');
    expect(skipped.status, skipped.stderr).toBe(0);
    expect(skipped.stderr).toMatch(/on 5 images of 3 classes(?:.|\n)*Left out of the data set:\n.*c\.png/);
  });
});
