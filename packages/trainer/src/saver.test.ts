import { mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { latestCheckpoint, readCheckpointState, slimV1, slimV2 } from '@graftjs/ckpt-slim';
import { type CheckpointFormat, elementCount, type FileSystem, type TrainingSession } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { formulaVariable } from '@graftjs/core/testing';
import { onnxEngine } from '@graftjs/engine-onnx';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { readCheckpoint } from '../test/checkpoints.js';
import { temporaryFolder, tinyNet } from '../test/tiny.js';
import { adam } from './optimizers/adam.js';
import { Saver } from './saver.js';
import { initialState } from './training-loop.js';

const trainable = ['tiny_net/logits/weights', 'tiny_net/logits/biases'];

async function openSession(): Promise<TrainingSession> {
  const session = await onnxEngine.openTraining(tinyNet.build(), { trainable, optimizer: adam() });
  onTestFinished(() => session.close());
  return session;
}

/** Values that say which step they are of. */
function fill(session: TrainingSession, step: number): void {
  for (const [name, shape] of session.variables) session.write(name, formulaVariable(`${step} ${name}`, shape));
}

function contents(session: TrainingSession): Map<string, Float32Array> {
  return new Map([...session.variables.keys()].map((name) => [name, session.read(name)]));
}

const stateAt = (step: number) => ({ ...initialState(0), step });
const scores = { count: 1, loss: 1, top1: 1, top5: 1 };

let folder: string;
let session: TrainingSession;
const saverWith = (format: CheckpointFormat = slimV2, files: FileSystem = nodeFileSystem) =>
  new Saver({ folder, format, files });
beforeEach(async () => {
  folder = `${await temporaryFolder()}/checkpoints`;
  session = await openSession();
});

describe('a checkpoint', () => {
  it('has what TensorFlow would have in it, by its names', async () => {
    fill(session, 7);
    const path = await saverWith().save(session, stateAt(7));
    expect(path).toBe(`${folder}/model.ckpt-7`);
    const found = await readCheckpoint(path);
    const layers = ['conv1', 'conv2', 'logits'].flatMap((layer) => [`${layer}/weights`, `${layer}/biases`]);
    const slots = ['weights', 'biases'].flatMap((name) => [`logits/${name}/Adam`, `logits/${name}/Adam_1`]);
    expect([...found.keys()].sort()).toEqual(
      [...[...layers, ...slots].map((name) => `tiny_net/${name}`), 'beta1_power', 'beta2_power', 'global_step'].sort(),
    );
    expect(found.get('global_step')).toEqual({ type: 'int64 []', bytes: Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0) });
    expect(found.get('beta1_power')!.type).toBe('float32 []');
    expect(found.get('tiny_net/conv2/weights')!.type).toBe('float32 [3,3,6,8]');
    const expected = formulaVariable('7 tiny_net/logits/weights/Adam_1', [1, 1, 8, 3]);
    expect(new Float32Array(found.get('tiny_net/logits/weights/Adam_1')!.bytes.slice().buffer)).toEqual(expected);
  });

  it.each([slimV1, slimV2])('comes back into a session with all of it, in $name', async (format) => {
    const saver = saverWith(format);
    fill(session, 7);
    const saved = contents(session);
    const state = { ...stateAt(7), epoch: 2, loss: 0.1, evaluation: { step: 5, ...scores }, metricsSize: 99 };
    await saver.save(session, state);
    const other = await openSession();
    expect(await saver.restoreNewest(other)).toEqual({ state, step: 7 });
    expect(contents(other)).toEqual(saved);
  });

  it('is not written of a session that holds NaN, and those before stay', async () => {
    const saver = saverWith();
    fill(session, 1);
    await saver.save(session, stateAt(1));
    const shape = session.variables.get('tiny_net/conv1/biases')!;
    session.write('tiny_net/conv1/biases', new Float32Array(elementCount(shape)).fill(Number.NaN, 2));
    await expect(saver.save(session, stateAt(2))).rejects.toMatchObject({
      code: 'run/not-finite',
      message: expect.stringContaining('tiny_net/conv1/biases holds NaN after step 2'),
    });
    expect(await saver.steps()).toEqual([1]);
  });

  it('does not count without its state, whatever else is there', async () => {
    const saver = saverWith();
    for (const step of [1, 2]) {
      fill(session, step);
      await saver.save(session, stateAt(step));
    }
    await rm(`${folder}/model.ckpt-2.state.json`);
    const restored = await saver.restoreNewest(session);
    expect(restored?.step).toBe(1);
    expect(session.read(trainable[0]!)).toEqual(formulaVariable(`1 ${trainable[0]}`, [1, 1, 8, 3]));
  });

  it('written over another of its step does not count before it is whole', async () => {
    fill(session, 1);
    await saverWith().save(session, stateAt(1));
    const files: FileSystem = {
      ...nodeFileSystem,
      async write(path, chunks) {
        if (path.endsWith('.index')) throw new Error('no space left');
        await nodeFileSystem.write(path, chunks);
      },
    };
    await expect(saverWith(slimV2, files).save(session, stateAt(1))).rejects.toMatchObject({
      code: 'run/cannot-write',
      message: expect.stringMatching(/model\.ckpt-1 cannot be written: no space left\. The checkpoints before it/),
    });
    expect(await saverWith().steps()).toEqual([]);
    expect(await saverWith().restoreNewest(session)).toBeUndefined();
  });

  it('that is whole stays where only the note of it cannot be written', async () => {
    const format: CheckpointFormat = { ...slimV2, writeState: () => Promise.reject(new Error('no space left')) };
    fill(session, 1);
    await expect(saverWith(format).save(session, stateAt(1))).rejects.toMatchObject({ code: 'run/cannot-write' });
    expect((await saverWith().restoreNewest(session))?.step).toBe(1);
  });

  it('that is the best and damaged, gives way to the newest, and it is told', async () => {
    const saver = saverWith();
    for (const step of [1, 2, 3]) {
      fill(session, step);
      const state = { ...stateAt(step), best: { step: 1, ...scores } };
      await saver.save(session, state, { keepBest: true });
    }
    await truncate(`${folder}/model.ckpt-1.data-00000-of-00001`, 9);
    const told: string[] = [];
    const onUnreadable = (path: string) => void told.push(path);
    expect((await saver.restoreNewest(session, { prefer: 'best', onUnreadable }))?.step).toBe(3);
    expect(told).toEqual([`${folder}/model.ckpt-1`]);
    expect(session.read(trainable[0]!)).toEqual(formulaVariable(`3 ${trainable[0]}`, [1, 1, 8, 3]));
  });

  it('that is removed while it is opened, by a run that goes on, gives way to a newer one', async () => {
    const saver = saverWith();
    fill(session, 1);
    await saver.save(session, stateAt(1));
    let goesOn = true;
    const files: FileSystem = {
      ...nodeFileSystem,
      async open(path) {
        if (goesOn && path.endsWith('.data-00000-of-00001')) {
          goesOn = false;
          for (const step of [2, 3, 4, 5, 6, 7]) {
            fill(session, step);
            await saver.save(session, stateAt(step));
          }
        }
        return nodeFileSystem.open(path);
      },
    };
    const told: string[] = [];
    const other = await openSession();
    const onUnreadable = (path: string) => void told.push(path);
    expect((await saverWith(slimV2, files).restoreNewest(other, { onUnreadable }))?.step).toBe(7);
    expect(contents(other)).toEqual(contents(session));
    expect(told).toEqual([]);
  });
});

describe('what is kept', () => {
  const save = async (saver: Saver, steps: readonly number[], best?: number) => {
    fill(session, 1);
    for (const step of steps) {
      const state = { ...stateAt(step), best: best === undefined ? null : { step: best, ...scores } };
      await saver.save(session, state, { keepBest: best !== undefined });
    }
  };

  it('are the newest five', async () => {
    await save(saverWith(), [1, 2, 3, 4, 5, 6, 7, 10]);
    expect(await saverWith().steps()).toEqual([4, 5, 6, 7, 10]);
    const names = (await readdir(folder)).filter((name) => name.startsWith('model'));
    expect(names.length).toBe(15);
  });

  it('and the best', async () => {
    await save(saverWith(), [1, 2, 3, 4, 5, 6, 7, 10], 2);
    expect(await saverWith().steps()).toEqual([2, 4, 5, 6, 7, 10]);
    await saverWith().restoreNewest(session, { prefer: 'best' });
  });

  it('and nothing of later steps than the newest, of those that are not whole, or of drafts; but all that is not the saver’s', async () => {
    await save(saverWith(), [8, 9, 20]);
    const others = ['notes.txt', 'model.ckpt-best.index', 'model.ckpt-12b'];
    await mkdir(folder, { recursive: true });
    const rubbish = [
      'model.ckpt-4.data-00000-of-00001',
      'model.ckpt-9.index.77.tmp',
      'checkpoint.77.tmp',
      'model.ckpt-5-00000-of-00002',
    ];
    for (const name of [...others, ...rubbish]) await writeFile(`${folder}/${name}`, '');
    await save(saverWith(), [12]);
    const names = await readdir(folder);
    expect(names.filter((name) => name !== 'checkpoint').sort()).toEqual(
      [
        ...others,
        ...[8, 9, 12].flatMap((step) =>
          ['.data-00000-of-00001', '.index', '.state.json'].map((suffix) => `model.ckpt-${step}${suffix}`),
        ),
      ].sort(),
    );
  });

  it('is noted for other programs where the format has a note for it', async () => {
    const noted = async () => (await readCheckpointState(folder, nodeFileSystem))?.allModelCheckpointPaths;
    await save(saverWith(), [1, 2, 3, 4, 5, 6], 1);
    expect(await noted()).toEqual([1, 2, 3, 4, 5, 6].map((step) => `${folder}/model.ckpt-${step}`));
    await save(saverWith(), [7], 1);
    expect(await noted()).toEqual([1, 3, 4, 5, 6, 7].map((step) => `${folder}/model.ckpt-${step}`));
    expect(await latestCheckpoint(folder, nodeFileSystem)).toBe(`${folder}/model.ckpt-7`);
  });
});

it('a format that cannot write is refused', async () => {
  const { write: _, ...readOnly } = slimV2;
  await expect(saverWith(readOnly).save(session, stateAt(1))).rejects.toMatchObject({
    code: 'run/format-cannot-write',
  });
});

it('a folder that cannot be written is told', async () => {
  await writeFile(folder, '');
  await expect(saverWith().save(session, stateAt(1))).rejects.toMatchObject({
    code: 'run/cannot-write',
    message: expect.stringContaining(`${folder}/model.ckpt-1`),
  });
});
