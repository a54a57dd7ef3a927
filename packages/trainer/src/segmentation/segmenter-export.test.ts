import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { onnx, onnxExporter } from '@graftjs/ckpt-onnx';
import { EXPORTER, type Exporter } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../../test/tiny.js';
import { rectanglesImage, tinyMaskConfig, tinyMaskContainer } from '../../test/tiny-masks.js';
import { wrongExporter } from '../../test/wrong-exporter.js';
import { type ExportRunOptions, exportRun } from '../export-run.js';
import { finetune } from '../finetune.js';
import { resizeBilinear } from '../preprocessing/resize-bilinear.js';
import { type MaskScores, SegmentationMetrics } from '../segmentation-metrics.js';
import { openMaskRun } from './open-mask-run.js';

let run: string;
beforeAll(async () => {
  run = `${await mkdtemp(`${tmpdir()}/graft-export-`)}/run`;
  await finetune({ ...tinyMaskConfig, epochs: 20 }, tinyMaskContainer(), { files, folder: run });
});
afterAll(() => rm(dirname(run), { recursive: true }));

/** Exports to a folder of its own, where a file is already. */
async function exported(options: Partial<ExportRunOptions> = {}, exporter: Exporter = onnxExporter) {
  const folder = await temporaryFolder();
  const out = `${folder}/model.onnx`;
  await writeFile(out, 'an earlier one');
  const container = tinyMaskContainer();
  container.register(EXPORTER, { useValue: exporter });
  const outcome = await exportRun<MaskScores>(run, container, { files, out, ...options }).catch(
    (error: unknown) => error,
  );
  return { outcome, out, folder };
}

const [height, width] = [20, 24];
/** An image of `test` as a file of that size is given it. */
const resized = (index: number) =>
  new Uint8Array(Uint8ClampedArray.from(resizeBilinear(rectanglesImage(1000 + index), height, width)).buffer);

it('takes images of a size and gives the masks that the run gives', async () => {
  const { outcome, out, folder } = await exported({ size: [height, width] });
  expect(outcome).toMatchObject({ precision: 'float32', compared: 6 });
  expect((outcome as { difference: number }).difference).toBeLessThan(1e-5);
  expect(await readdir(folder)).toEqual(['model.onnx']);
  const file = await onnxExporter.open(out);
  const opened = await openMaskRun(run, tinyMaskContainer(), { files });
  try {
    const found = await file.predict(Uint8Array.from([...resized(0), ...resized(1)]), 2);
    for (const index of [0, 1]) {
      const data = resized(index);
      const expected = await opened.segment({ data, height, width });
      expect(found.subarray(index * expected.length, (index + 1) * expected.length)).toEqual(expected);
    }
    const reader = await onnx.open(out, files);
    const told = (name: string): unknown => JSON.parse(reader.metadata!.get(name)!);
    expect(told('labels')).toEqual(['dark', 'red', 'green']);
    expect(told('preprocessing')).toMatchObject({ height, width, steps: [{ step: 'resize', height, width }] });
    expect(told('metrics')).toMatchObject({
      split: 'test',
      meanIou: (outcome as { scores: MaskScores }).scores.meanIou,
    });
    await reader.close();
  } finally {
    await file.close();
    await opened.close();
  }
});

it.each([
  ['float16', 0.01],
  ['int8', 0.1],
])('in %s is measured beside the original, in the images’ own sizes', async (precision, tolerance) => {
  const { outcome, out } = await exported({ precision });
  const { scores, original } = outcome as { scores: MaskScores; original: MaskScores };
  expect(original.meanIou).toBeGreaterThan(0.5);
  expect(Math.abs(scores.meanIou! - original.meanIou!)).toBeLessThan(tolerance);
  // Counted here once more, by the masks that the file gives.
  const file = await onnxExporter.open(out);
  const metrics = new SegmentationMetrics(['dark', 'red', 'green']);
  for (let index = 0; index < 6; index++) {
    const image = rectanglesImage(1000 + index);
    const pixels = Uint8ClampedArray.from(resizeBilinear(image, 16, 16));
    const mask = await file.predict(new Uint8Array(pixels.buffer), 1);
    const nearest = (place: number, from: number) =>
      Math.min(Math.floor(Math.fround(place * Math.fround(16 / from)) + 0.5), 15);
    const prediction = image.mask.map(
      (_, i) => mask[16 * nearest(Math.floor(i / image.width), image.height) + nearest(i % image.width, image.width)]!,
    );
    metrics.add(image.mask, prediction);
  }
  await file.close();
  const { meanIou, pixelAccuracy } = metrics.result();
  expect(scores).toMatchObject({ meanIou, pixelAccuracy });
});

it('is not put in place where it gives something else', async () => {
  const { outcome, out, folder } = await exported({}, wrongExporter('tiny_fine/refine/biases', 0.3));
  expect(outcome).toMatchObject({
    code: 'export/differs',
    message: expect.stringMatching(
      /For image \d+ pixel \d+ is red instead of (dark|green), .* 0.0001 is accepted/,
    ) as string,
  });
  expect(await readFile(out, 'utf8')).toBe('an earlier one');
  expect(await readdir(folder)).toEqual(['model.onnx']);
});
