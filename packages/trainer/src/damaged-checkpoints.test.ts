import { copyFile, cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { slimV2 } from '@graftjs/ckpt-slim';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { onnxEngine } from '@graftjs/engine-onnx';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { remainsOf } from '../test/remains.js';
import { temporaryFolder, tinyConfig, tinyContainer, tinyNet } from '../test/tiny.js';
import type { RunEvent } from './events.js';
import { finetune, resume } from './finetune.js';
import { adam } from './optimizers/adam.js';
import type { RunConfigInput } from './run-config.js';
import { Saver } from './saver.js';

const config = { ...tinyConfig, saveEvery: 4, evalEvery: 5 } satisfies RunConfigInput;
const lastStep = 21;
const suffixes = ['.data-00000-of-00001', '.index', '.state.json'];

/** A run that was ended at step 14, with checkpoints of steps 4, 8 and 12. */
let ended: string;
let whole: Awaited<ReturnType<typeof remainsOf>>;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'graft-trainer-'));
  await finetune(config, tinyContainer(), { files, folder: `${folder}/whole` });
  whole = await remainsOf(`${folder}/whole`, lastStep);
  ended = `${folder}/ended`;
  const onEvent = (event: RunEvent) => {
    if (event.type === 'step' && event.step === 14) throw new Error('killed');
  };
  await expect(finetune(config, tinyContainer(), { files, folder: ended, onEvent })).rejects.toThrow('killed');
});
afterAll(() => rm(join(ended, '..'), { recursive: true }));

async function copyOfEnded(): Promise<string> {
  const folder = `${await temporaryFolder()}/run`;
  await cp(ended, folder, { recursive: true });
  return folder;
}

const damages: Readonly<Record<string, (path: string) => Promise<void>>> = {
  'cut short': async (path) => truncate(path, Math.floor((await readFile(path)).length / 2)),
  'with a byte changed': async (path) => {
    const bytes = await readFile(path);
    bytes[Math.floor(bytes.length / 3)]! ^= 1;
    await writeFile(path, bytes);
  },
  missing: (path) => rm(path),
  empty: (path) => truncate(path),
};

describe.each(suffixes)('the newest checkpoint with its %s', (suffix) => {
  it.each(Object.entries(damages))('%s: the one before is used, and it is told', async (_, damage) => {
    const folder = await copyOfEnded();
    const newest = `${folder}/checkpoints/model.ckpt-12`;
    await damage(`${newest}${suffix}`);
    const events: RunEvent[] = [];
    const onEvent = (event: RunEvent) => events.push(event);
    await resume(folder, tinyContainer(), { files, onEvent });
    expect(events[0]).toMatchObject({
      type: 'unreadable',
      path: newest,
      error: { code: expect.stringMatching(/^checkpoint\//), message: expect.stringContaining('model.ckpt-12') },
    });
    expect(events[1]).toMatchObject({ type: 'start', step: 8 });
    expect(await remainsOf(folder, lastStep)).toEqual(whole);
  });
});

it('any byte changed, anywhere: the one before is used and it is told, or nothing is different', async () => {
  const folder = `${await copyOfEnded()}/checkpoints`;
  const saver = new Saver({ folder, format: slimV2, files });
  const trainable = tinyNet.build().variables.map(({ name }) => name);
  const session = await onnxEngine.openTraining(tinyNet.build(), { trainable, optimizer: adam() });
  onTestFinished(() => session.close());
  const contents = () => new Map([...session.variables.keys()].map((name) => [name, session.read(name)]));
  const right = await saver.restoreNewest(session);
  const values = contents();
  let [unharmed, tried] = [0, 0];
  for (const suffix of suffixes) {
    const path = `${folder}/model.ckpt-12${suffix}`;
    const bytes = await readFile(path);
    for (let at = 0; at < bytes.length; at += suffix === '.state.json' ? 3 : 61) {
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= 1 << (at % 8);
      await writeFile(path, changed);
      const told: string[] = [];
      const restored = await saver.restoreNewest(session, { onUnreadable: (unreadable) => told.push(unreadable) });
      tried++;
      if (told.length > 0) {
        expect([told, restored?.step], `byte ${at} of ${suffix}`).toEqual([[`${folder}/model.ckpt-12`], 8]);
        continue;
      }
      unharmed++;
      expect(restored, `byte ${at} of ${suffix}`).toEqual(right);
      expect(contents()).toEqual(values);
    }
    await writeFile(path, bytes);
  }
  // The state has space between its values, the index padding and a block that nobody reads.
  expect(unharmed / tried).toBeLessThan(0.1);
});

it('all damaged: a clear error that says what is wrong with each', async () => {
  const folder = await copyOfEnded();
  for (const [index, damage] of ['cut short', 'missing', 'empty'].entries()) {
    await damages[damage]!(`${folder}/checkpoints/model.ckpt-${4 * (index + 1)}${suffixes[index]}`);
  }
  const before = await readdir(`${folder}/checkpoints`);
  const resumed = resume(folder, tinyContainer(), { files });
  await expect(resumed).rejects.toMatchObject({ code: 'run/no-checkpoint' });
  await expect(resumed).rejects.toThrow(/ckpt-12.*\n.*ckpt-8.*\n.*ckpt-4/);
  expect(await readdir(`${folder}/checkpoints`)).toEqual(before);
});

it('all without their states, as no kill leaves them: an error, and nothing is removed', async () => {
  const folder = await copyOfEnded();
  for (const step of [4, 8, 12]) await rm(`${folder}/checkpoints/model.ckpt-${step}.state.json`);
  await expect(resume(folder, tinyContainer(), { files })).rejects.toMatchObject({ code: 'run/no-checkpoint' });
  expect(await readdir(`${folder}/checkpoints`)).toContain('model.ckpt-12.data-00000-of-00001');
});

it('the only one, without its state, as a kill at the first leaves it: the run begins again, which is told', async () => {
  const folder = await copyOfEnded();
  const checkpoints = `${folder}/checkpoints`;
  for (const name of await readdir(checkpoints))
    if (!/ckpt-4\.(data|index)/.test(name)) await rm(`${checkpoints}/${name}`);
  const events: RunEvent[] = [];
  await resume(folder, tinyContainer(), { files, onEvent: (event) => events.push(event) });
  expect(events[0]).toMatchObject({ type: 'unreadable', error: { code: 'checkpoint/not-whole' } });
  expect(events[1]).toMatchObject({ type: 'start', step: 0 });
  expect(await remainsOf(folder, lastStep)).toEqual(whole);
});

it('one of another step under its name is not taken for it', async () => {
  const folder = await copyOfEnded();
  for (const suffix of suffixes.slice(0, 2)) {
    await copyFile(`${folder}/checkpoints/model.ckpt-4${suffix}`, `${folder}/checkpoints/model.ckpt-12${suffix}`);
  }
  const events: RunEvent[] = [];
  await resume(folder, tinyContainer(), { files, onEvent: (event) => events.push(event) });
  expect(events[0]).toMatchObject({ type: 'unreadable', error: { code: 'checkpoint/other-step' } });
  expect(await remainsOf(folder, lastStep)).toEqual(whole);
});
