import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { beforeEach, describe, expect, it } from 'vitest';
import { temporaryFolder, tinyConfig } from '../test/tiny.js';
import { parseRunConfig } from './run-config.js';
import { RunFolder } from './run-folder.js';

const record = { ...parseRunConfig(tinyConfig), classes: ['a', 'b'], trained: ['tiny_net/logits/weights'] };

let folder: string;
beforeEach(async () => {
  folder = `${await temporaryFolder()}/a/run`;
});

describe('a run folder', () => {
  it('is made with all above it, and says again what it was made with', async () => {
    const run = await RunFolder.create(`${folder}/`, record, files);
    expect(run.path).toBe(folder);
    expect((await RunFolder.open(folder, files)).record).toEqual(record);
  });

  it('is not made over a run, a file, or anything else', async () => {
    await RunFolder.create(folder, record, files);
    await expect(RunFolder.create(folder, record, files)).rejects.toThrow(/is a run already.*--resume/);
    await expect(RunFolder.create(`${folder}/config.json`, record, files)).rejects.toThrow('is a file');
    await mkdir(`${folder}2`);
    await writeFile(`${folder}2/notes.txt`, '');
    await expect(RunFolder.create(`${folder}2`, record, files)).rejects.toThrow('is not empty');
    expect(await readdir(`${folder}2`)).toEqual(['notes.txt']);
  });

  it('is made where a run was killed before it had a config', async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/config.json.0123.tmp`, '{');
    await RunFolder.create(folder, record, files);
    expect((await RunFolder.open(folder, files)).record).toEqual(record);
  });

  it('that cannot be written is told by its path', async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/file`, '');
    await expect(RunFolder.create(`${folder}/file/run`, record, files)).rejects.toMatchObject({
      code: 'run/cannot-write',
      message: expect.stringContaining(`${folder}/file/run`),
      cause: expect.objectContaining({ code: 'ENOTDIR' }),
    });
  });

  it('is not opened where there is none', async () => {
    await expect(RunFolder.open(folder, files)).rejects.toMatchObject({ code: 'run/no-run' });
  });
});

describe('a run folder that a run has taken', () => {
  it('is refused to another, by who has it, and free again afterwards', async () => {
    const lock = await RunFolder.lock(folder, files);
    const inUse = {
      code: 'run/in-use',
      message: expect.stringMatching(`${folder} is in use by process ${process.pid} on .*Wait.*Ctrl-C.*another folder`),
    };
    await expect(RunFolder.lock(folder, files)).rejects.toMatchObject(inUse);
    await expect(RunFolder.checkFree(folder, files)).rejects.toMatchObject(inUse);
    await RunFolder.create(folder, record, files);
    await expect(RunFolder.checkFree(folder, files)).rejects.toMatchObject(inUse);
    await lock.release();
    expect(await readdir(folder)).toEqual(['config.json']);
    await expect(RunFolder.checkFree(folder, files)).rejects.toMatchObject({ code: 'run/folder-taken' });
    await (await RunFolder.lock(folder, files)).release();
  });

  it('can be read', async () => {
    const lock = await RunFolder.lock(folder, files);
    await RunFolder.create(folder, record, files);
    expect((await RunFolder.open(folder, files)).record).toEqual(record);
    await lock.release();
  });

  it('is freed of what a killed one had half written, and of nothing else', async () => {
    await RunFolder.create(folder, record, files);
    const drafts = ['metrics.jsonl.0123.tmp', 'config.json.0123.tmp'];
    for (const name of [...drafts, 'lock', 'notes.tmp']) await writeFile(`${folder}/${name}`, '');
    await (await RunFolder.lock(folder, files)).release();
    expect(await readdir(folder)).toEqual(['config.json', 'notes.tmp']);
  });
});

describe('metrics', () => {
  const line = (step: number, more = '') => `${JSON.stringify({ step, more })}\n`;

  it('are cut off at a size, or after the last whole line before it', async () => {
    const run = await RunFolder.create(folder, record, files);
    await run.cutMetrics(0);
    // A line longer than what is read at once.
    const lines = [line(1), line(2, 'x'.repeat(3 << 20)), line(3)];
    for (const step of [1, 2, 3]) {
      await run.appendMetrics({ step, more: step === 2 ? 'x'.repeat(3 << 20) : '' });
    }
    const text = () => readFile(run.metrics, 'utf8');
    expect(await text()).toBe(lines.join(''));
    const size = await run.syncMetrics();
    expect(size).toBe(lines.join('').length);
    await run.cutMetrics(size + 5);
    expect(await text()).toBe(lines.join(''));
    await appendFile(run.metrics, '{"step":4,"tor');
    await run.cutMetrics(size + 5);
    expect(await text()).toBe(lines.join(''));
    await run.cutMetrics(size - 3);
    expect(await text()).toBe(lines[0]! + lines[1]!);
    await run.cutMetrics(lines[0]!.length + lines[1]!.length - 1);
    expect(await text()).toBe(lines[0]);
    await run.cutMetrics(3);
    expect(await text()).toBe('');
  });
});
