import { readFileSync } from 'node:fs';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { checkClose } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { readCheckpoint, readVariable } from '../test/checkpoints.js';
import { temporaryFolder, tinyConfig, tinyContainer, tinyNet } from '../test/tiny.js';
import { evaluate } from './evaluate.js';
import type { RunEvent } from './events.js';
import { finetune, resume } from './finetune.js';
import { withMovingAverages } from './moving-averages.js';
import { openRun } from './open-run.js';
import { adam } from './optimizers/adam.js';
import { momentum } from './optimizers/gradient-descent.js';
import type { RunConfigInput } from './run-config.js';

/** What TensorFlow had after each of five steps; the fixture says by which calls. */
const tensorFlow = JSON.parse(readFileSync(new URL('../fixtures/moving-averages.json', import.meta.url), 'utf8')) as {
  readonly start: readonly number[];
  readonly steps: readonly { readonly rate: number; readonly gradient: readonly number[] }[];
  readonly runs: readonly {
    readonly decay: number;
    readonly after: readonly Readonly<Record<string, readonly number[]>>[];
  }[];
};

it.each(tensorFlow.runs)('averages as TensorFlow does, by a decay of $decay', ({ decay, after }) => {
  const { start, steps } = tensorFlow;
  const optimizer = withMovingAverages(momentum(), decay);
  const weights = Float32Array.from(start);
  const slots = optimizer.slots.map(({ initial }) => new Float32Array(start.length).fill(initial));
  const scalars = Float32Array.from(optimizer.scalars, ({ initial }) => initial);
  for (const [step, { rate, gradient }] of steps.entries()) {
    optimizer.update(weights, Float32Array.from(gradient), slots, rate, scalars, 0);
    optimizer.advance!(scalars);
    const actual = new Map([
      ['w', weights],
      ...optimizer.slots.map(({ name }, i) => [`w/${name}`, slots[i]!] as const),
    ]);
    expect([...actual.keys()].sort()).toEqual(Object.keys(after[step]!).sort());
    for (const [name, values] of Object.entries(after[step]!)) {
      for (const [element, value] of values.entries()) {
        checkClose([actual.get(name)![element]!], [value], 2e-6, `${name}[${element}] after step ${step}`);
      }
    }
  }
  expect([...scalars]).toEqual([5]);
});

it('leaves the scalars of the optimizer to it', () => {
  const [plain, averaged] = [adam(), withMovingAverages(adam(), 0.9)];
  const scalars = Float32Array.from(averaged.scalars, ({ initial }) => initial);
  const own = Float32Array.from(plain.scalars, ({ initial }) => initial);
  averaged.advance!(scalars);
  plain.advance!(own);
  expect([...scalars]).toEqual([...own, 1]);
});

describe('a run with moving averages', () => {
  const config = { ...tinyConfig, movingAverageDecay: 0.9, saveEvery: 4 } satisfies RunConfigInput;
  const container = tinyContainer();
  const start = async (change: RunConfigInput = config) => {
    const folder = `${await temporaryFolder()}/run`;
    return { folder, result: await finetune(change, container, { files, folder }) };
  };
  const variable = 'tiny_net/conv1/weights';
  const last = (folder: string) => `${folder}/checkpoints/model.ckpt-21`;

  it('trains as one without, and is evaluated and opened with the averages', async () => {
    const { movingAverageDecay: _, ...without } = config;
    const [averaged, plain] = [await start(), await start(without)];
    expect(await readVariable(last(averaged.folder), variable)).toEqual(
      await readVariable(last(plain.folder), variable),
    );
    expect(averaged.result.metrics.loss).not.toBeCloseTo(plain.result.metrics.loss, 3);

    const opened = await openRun(averaged.folder, container, { files });
    for (const { name } of tinyNet.build().variables) {
      const average = await readVariable(last(averaged.folder), `${name}/ExponentialMovingAverage`);
      expect(opened.session.read(name)).toEqual(average);
    }
    const data = await opened.openDataset();
    const { session, classes, preprocessing } = opened;
    const found = await evaluate(session, data.splits.test, classes, { preprocessing });
    expect(found.loss).toBeCloseTo(averaged.result.metrics.loss, 6);
    await opened.close();
  });

  it('goes on bit for bit after a stop, also in an evaluation', async () => {
    const whole = await start();
    for (const type of ['step', 'evaluating'] as const) {
      const stop = new AbortController();
      const folder = `${await temporaryFolder()}/run`;
      const onEvent = (event: RunEvent) => {
        if (event.type === type && event.step >= 14) stop.abort();
      };
      const begun = finetune(config, container, { files, folder, onEvent, signal: stop.signal });
      await expect(begun).rejects.toMatchObject({ code: 'run/aborted' });
      await resume(folder, container, { files });
      expect(await readCheckpoint(last(folder))).toEqual(await readCheckpoint(last(whole.folder)));
    }
  });

  it('has no averages of frozen variables, which are used as they are', async () => {
    const { folder } = await start({ ...config, train: 'head' });
    const names = [...(await readCheckpoint(last(folder))).keys()].filter((name) => name.endsWith('MovingAverage'));
    expect(names.sort()).toEqual([
      'tiny_net/logits/biases/ExponentialMovingAverage',
      'tiny_net/logits/weights/ExponentialMovingAverage',
    ]);
    const { session, close } = await openRun(folder, container, { files });
    expect(session.read(variable)).toEqual(await readVariable(last(folder), variable));
    await close();
  });
});
