import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { backboneContract, uniform } from '@graftjs/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { thimbles } from './thimble.js';

for (const backbone of thimbles) {
  describe(backbone.name, () => {
    for (const { name, run } of backboneContract(backbone, { size: 16 })) it(name, run);
  });
}

const project = join(import.meta.dirname, '..');

/** Runs the command in this package's folder and gives what it prints as JSON. */
async function graft(...args: string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(join(project, 'node_modules/.bin/graft'), [...args, '--json'], {
    cwd: project,
  });
  return JSON.parse(stdout);
}

/** CIFAR-10's layout: each class a shade of its own on one of the channels, under noise. */
function records(name: string, count: number): Uint8Array {
  const bytes = new Uint8Array(count * 3073);
  const noise = uniform(name, bytes.length);
  for (let record = 0, i = 0; record < count; record++) {
    const label = record % 10;
    bytes[i++] = label;
    for (let pixel = 0; pixel < 3072; pixel++, i++) {
      const own = Math.floor(pixel / 1024) === label % 3 ? 15 * label : 0;
      bytes[i] = 40 + own + 50 * noise[i]!;
    }
  }
  return bytes;
}

describe('the command, in the folder of the package', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'own-backbone-'));
    await mkdir(join(folder, 'data'));
    for (let batch = 1; batch <= 5; batch++)
      await writeFile(join(folder, `data/data_batch_${batch}.bin`), records(`${batch}`, 60));
    await writeFile(join(folder, 'data/test_batch.bin'), records('test', 100));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('finds it', async () => {
    const models = (await graft('models')) as { name: string }[];
    expect(models.map(({ name }) => name)).toEqual(['thimble_s', 'thimble_m']);
  });

  it('summarises it', async () => {
    // By hand: 3x3x3x16 + 16, 3x3x16x32 + 32, 32x10 + 10.
    expect(await graft('summary', 'thimble_s')).toMatchObject({ parameters: 448 + 4640 + 330 });
  });

  it('trains and evaluates it', async () => {
    const run = join(folder, 'run');
    const data = ['--dataset', 'cifar10', '--data', join(folder, 'data')];
    const how = ['--optimizer', 'adam', '--learning-rate', '0.003', '--epochs', '20', '--out', run];
    const trained = (await graft('finetune', '--model', 'thimble_m', ...data, ...how)) as {
      steps: number;
      metrics: { top1: number };
    };
    expect(trained.steps).toBe(200);
    expect(trained.metrics.top1).toBeGreaterThan(0.8);
    expect(await graft('evaluate', run)).toMatchObject({ split: 'test', count: 100, top1: trained.metrics.top1 });
    expect(JSON.parse(await readFile(join(run, 'config.json'), 'utf8'))).toMatchObject({
      model: { name: 'thimble_m' },
    });
  });
});
