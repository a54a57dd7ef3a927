import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { onnxExporter } from '@graftjs/ckpt-onnx';
import { formulaImage } from '@graftjs/core/testing';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { graft, temporaryFolder, writeCifar10 } from '../../test/graft.js';

/** A run of a small ResNet, two steps long. */
async function trainedRun(): Promise<string> {
  const folder = await temporaryFolder();
  const data = await writeCifar10(join(folder, 'data'));
  const run = join(folder, 'run');
  const { status, stderr } = await graft([
    ...['finetune', '--model', 'resnet_v1_50', '--width', '0.125', '--size', '32', '--dataset', 'cifar10'],
    ...['--data', data, '--steps', '2', '--batch-size', '4', '--learning-rate', '0.001', '--out', run],
  ]);
  expect(status, stderr).toBe(0);
  return run;
}

describe('graft export', () => {
  it('writes a file that gives what graft predict gives, and tells both accuracies where numbers are rounded', async () => {
    const run = await trainedRun();
    const out = join(run, '../model.onnx');
    const done = await graft(['export', run, '--out', out, '--json', '--licence', 'CC0-1.0']);
    expect(done.status, done.stderr).toBe(0);
    const result = JSON.parse(done.stdout);
    expect(result).toMatchObject({
      files: [{ path: out, bytes: (await stat(out)).size }],
      precision: 'float32',
      step: 2,
      compared: 20,
      scores: { count: 20 },
    });
    expect(result.difference).toBeLessThan(1e-5);

    // An image of the network's own size is not resized, so that its bytes are what the network takes.
    const pixels = formulaImage('an image', 32, 32);
    const image = join(run, '../image.png');
    await sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
      .png()
      .toFile(image);
    const predicted = await graft(['predict', run, image, '--top', '10', '--json']);
    const [{ predictions }] = JSON.parse(predicted.stdout);
    const file = await onnxExporter.open(out);
    const probabilities = await file.predict(pixels, 1);
    await file.close();
    expect(predictions).toHaveLength(10);
    for (const { index, probability } of predictions) expect(probabilities[index]).toBeCloseTo(probability, 6);

    const before = await readFile(out);
    const told = await graft(['export', run, '--out', out, '--precision', 'int8']);
    expect(told.status, told.stderr).toBe(0);
    expect(told.stdout).toMatch(/model\.onnx \([\d.]+ kB\): step 2 as int8\. Compared with the network on 20 images/);
    expect(told.stdout).toMatch(/^test, as trained: top1 .*on 20 images\ntest, as int8: top1 .*on 20 images$/m);
    expect((await readFile(out)).length).toBeLessThan(before.length / 2);

    const refused = await graft(['export', run, '--out', out, '--precision', 'int4']);
    expect([refused.status, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/no precision 'int4'. Accepted: float32, float16, int8/),
    ]);
  });

  it('of a folder that is no run is an error', async () => {
    const folder = await temporaryFolder();
    const { status, stderr } = await graft(['export', folder, '--out', join(folder, 'model.onnx')]);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/is no run/)]);
  });
});
