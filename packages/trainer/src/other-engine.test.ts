import { readFile } from 'node:fs/promises';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, tinyConfig, tinyContainer } from '../test/tiny.js';
import { evaluate } from './evaluate.js';
import type { RunEvent } from './events.js';
import { finetune, resume } from './finetune.js';
import { openRun } from './open-run.js';
import type { RunConfig, RunConfigInput } from './run-config.js';

/** All that draws or carries something over from step to step. */
const config = {
  ...tinyConfig,
  augment: ['crop', 'flip'],
  schedule: 'cosine,warmup=3',
  weightDecay: 0.001,
  labelSmoothing: 0.1,
  movingAverageDecay: 0.9,
  clipNorm: 2,
  accumulate: 2,
  multipliers: { 'tiny_net/logits': 2 },
  classWeights: 'balanced',
  seed: 3,
} satisfies RunConfigInput;

const [onnx, tfjs] = [{ name: 'onnx' }, { name: 'tfjs', device: 'cpu' }];

/** What two engines' rounding may make of a figure after some steps, as of TensorFlow's own for the oracles. */
const tolerance = 2e-3;

async function losses(folder: string): Promise<{ step: number; loss: number }[]> {
  const lines = (await readFile(`${folder}/metrics.jsonl`, 'utf8')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as { step: number; loss: number });
}

function expectClose(found: readonly { loss: number }[], expected: readonly { loss: number }[]): void {
  expect(found).toHaveLength(expected.length);
  for (const [index, { loss }] of found.entries())
    expect(Math.abs(loss / expected[index]!.loss - 1), `line ${index}`).toBeLessThan(tolerance);
}

/** A run that is stopped after 4 steps on one engine and goes on on another. */
async function movedRun(from: RunConfig['engine'], to: RunConfig['engine']): Promise<string> {
  const folder = `${await temporaryFolder()}/run`;
  const controller = new AbortController();
  const onEvent = (event: RunEvent) => event.type === 'step' && event.step === 4 && controller.abort();
  const begun = finetune({ ...config, engine: from }, tinyContainer(), { files, folder, signal: controller.signal, onEvent }); // biome-ignore format: one line
  await expect(begun).rejects.toMatchObject({ code: 'run/aborted' });
  await resume(folder, tinyContainer(), { files, engine: to });
  expect(JSON.parse(await readFile(`${folder}/config.json`, 'utf8'))).toMatchObject({ engine: to });
  return folder;
}

describe('a run on one engine', () => {
  it('has the losses of the same run on the other, and those of one that was moved there and back', async () => {
    const folder = `${await temporaryFolder()}/run`;
    await finetune({ ...config, engine: onnx }, tinyContainer(), { files, folder });
    const whole = await losses(folder);
    const other = `${await temporaryFolder()}/run`;
    await finetune({ ...config, engine: tfjs }, tinyContainer(), { files, folder: other });
    expectClose(await losses(other), whole);
    expectClose(await losses(await movedRun(onnx, tfjs)), whole);
    const moved = await movedRun(tfjs, onnx);
    expectClose(await losses(moved), whole);
    // The end of a run is evaluated alike by both.
    const scores = [];
    for (const engine of ['onnx', 'tfjs']) {
      const run = await openRun(moved, tinyContainer(), { files, engine });
      const { splits, close } = await run.openDataset();
      scores.push(await evaluate(run.session, splits.test, run.classes, { preprocessing: run.preprocessing, batchSize: 8 })); // biome-ignore format: one line
      await close();
      await run.close();
    }
    expect(scores[1]!.top1).toBe(scores[0]!.top1);
    expect(scores[1]!.loss).toBeCloseTo(scores[0]!.loss, 5);
  });

  it('keeps what frozen layers make of the images, and learns the same head from it', async () => {
    const head = { ...tinyConfig, train: 'head', weightDecay: 0.001 } satisfies RunConfigInput;
    const features = { folder: await temporaryFolder() };
    const [kept, computed] = [`${await temporaryFolder()}/run`, `${await temporaryFolder()}/run`];
    const events: RunEvent[] = [];
    const onEvent = (event: RunEvent) => void events.push(event);
    await finetune({ ...head, engine: tfjs }, tinyContainer(), { files, folder: kept, features, onEvent });
    expect(events.find(({ type }) => type === 'frozen')).not.toHaveProperty('reason');
    await finetune({ ...head, engine: onnx }, tinyContainer(), { files, folder: computed });
    expectClose(await losses(kept), await losses(computed));
  });
});
