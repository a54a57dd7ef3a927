// The built package, since a thread imports what was built.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { DataError, type Image, type Preprocessing, RunError, type Split } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { formulaImage } from '@graftjs/core/testing';
import {
  createPreprocessing,
  evaluationBatches,
  finetune,
  type ImageJob,
  type ImageWorkers,
  limitSplit,
  type RunConfigInput,
  trainingBatches,
} from '@graftjs/trainer';
import { startImageWorkers } from '@graftjs/trainer/node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { tinySteps } from '../../test/run-tiny.js';
import { temporaryFolder, tinyContainer } from '../../test/tiny.js';

function start(count: number): ImageWorkers {
  const workers = startImageWorkers(count);
  onTestFinished(() => workers.close());
  return workers;
}

const moduleOf = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`;

/** Noise of various sizes. */
const noise = (index: number): Image => {
  const [height, width] = [40 + ((index * 7) % 30), 40 + ((index * 11) % 50)];
  return { data: formulaImage(`image ${index}`, height, width), height, width };
};

/** The same, in a module for the threads. */
const noiseModule = moduleOf(`
  import { formulaImage } from '${import.meta.resolve('@graftjs/core/testing')}';
  export const readImage = async (index) => {
    const [height, width] = [40 + ((index * 7) % 30), 40 + ((index * 11) % 50)];
    return { data: formulaImage('image ' + index, height, width), height, width };
  };
`);

function noiseSplit(count: number): Split & { reads: number } {
  return {
    reads: 0,
    labels: Int32Array.from({ length: count }, (_, index) => index % 4),
    id: (index) => `image ${index}`,
    async read(index) {
      this.reads++;
      return noise(index);
    },
  };
}

/** A split whose images the threads read from a module's `readImage`, and nobody else can. */
function moduleSplit(count: number, url = noiseModule): Split {
  const read = () => Promise.reject(new Error('read on the main thread'));
  return { ...noiseSplit(count), read, module: { url, key: (index) => index } };
}

async function collect<T>(batches: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

/** Notes the jobs that it hands on. */
function noting(workers: ImageWorkers): ImageWorkers & { readonly jobs: ImageJob[] } {
  const jobs: ImageJob[] = [];
  return {
    ...workers,
    jobs,
    prepare(job) {
      jobs.push(job);
      return workers.prepare(job);
    },
  };
}

const options = { size: 16, preprocessing: createPreprocessing(['vgg']), batchSize: 8 };
const fails = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error) => error,
  );

describe('batches from worker threads', () => {
  const count = 21;

  it.each([
    ['none', 1],
    ['crop,flip', 2],
    ['vgg', 3],
    ['inception', 3],
  ])('%s in %i threads: those of the main thread, bit by bit', async (names, threads) => {
    const preprocessing = createPreprocessing(names.split(','));
    const training = { ...options, preprocessing, seed: 7, from: 1, to: 8 };
    const expected = {
      train: await collect(trainingBatches(noiseSplit(count), training)),
      test: await collect(evaluationBatches(noiseSplit(count), { ...options, preprocessing })),
    };
    const workers = noting(start(threads));
    for (const split of [noiseSplit(count), moduleSplit(count)]) {
      expect(await collect(trainingBatches(split, { ...training, workers }))).toEqual(expected.train);
      expect(await collect(evaluationBatches(split, { ...options, preprocessing, workers }))).toEqual(expected.test);
    }
    const images = (batches: readonly { readonly indices: Uint32Array }[]) =>
      batches.reduce((sum, { indices }) => sum + indices.length, 0);
    expect(images(workers.jobs)).toBe(2 * images([...expected.train, ...expected.test]));
  });

  it('of a limited split have its images', async () => {
    const limited = { ...options, workers: start(1) };
    const expected = await collect(evaluationBatches(limitSplit(noiseSplit(40), 10, 1), options));
    expect(await collect(evaluationBatches(limitSplit(moduleSplit(40), 10, 1), limited))).toEqual(expected);
  });

  it('of large images share each batch out, of small ones are a job each', async () => {
    const workers = noting(start(3));
    await collect(evaluationBatches(moduleSplit(24), { ...options, size: 224, batchSize: 12, workers }));
    expect(workers.jobs.map(({ indices }) => indices.length)).toEqual([4, 4, 4, 4, 4, 4]);
    workers.jobs.length = 0;
    await collect(evaluationBatches(moduleSplit(24), { ...options, batchSize: 12, workers }));
    expect(workers.jobs.map(({ indices }) => indices.length)).toEqual([12, 12]);
  });

  it.each([
    [undefined, 3],
    [1, 2],
    [4, 5],
  ])('are prepared ahead as far as is said, and no further: %s', async (prefetch, batches) => {
    const threads = start(2);
    const workers = noting(threads);
    const ahead = prefetch === undefined ? {} : { prefetch };
    const training = trainingBatches(moduleSplit(80), { ...options, ...ahead, workers, seed: 1, to: 10 });
    for (const more of [0, 1]) {
      await training.next();
      // Done after all that was asked for before.
      await Promise.all([1, 2, 3, 4].map(() => threads.prepare(workers.jobs[0]!)));
      expect(workers.jobs.map(({ indices }) => indices.length)).toEqual(Array(batches + more).fill(8));
    }
    await training.return(undefined);
  });

  it('leave the images that a split gives as they are', async () => {
    const kept = new Uint8Array(5 * 48).map((_, at) => at);
    const split: Split = {
      ...noiseSplit(5),
      read: async (index) => ({ data: kept.subarray(48 * index, 48 * index + 48), height: 4, width: 4 }),
    };
    const plain = { ...options, size: 4, preprocessing: createPreprocessing(['none']) };
    const [batch] = await collect(evaluationBatches(split, { ...plain, workers: start(1) }));
    expect(kept.length).toBe(5 * 48);
    expect(batch!.inputs).toEqual(kept);
  });
});

describe('a run', () => {
  /** Runs it, and gives what it came to, without how fast it was. */
  async function run(config: RunConfigInput, startWorkers?: (count?: number) => ImageWorkers) {
    const folder = `${await temporaryFolder()}/run`;
    const running = { files, folder, ...(startWorkers && { startWorkers }) };
    await finetune({ ...config, augment: ['crop', 'flip'] }, tinyContainer(), running);
    const lines = (await readFile(`${folder}/metrics.jsonl`, 'utf8')).trimEnd().split('\n');
    return {
      metrics: lines.map((line) => ({ ...JSON.parse(line), imagesPerSecond: 0 })),
      weights: await readFile(`${folder}/checkpoints/model.ckpt-12.data-00000-of-00001`),
    };
  }

  it('with as many threads as it says ends with the weights and metrics of one without, and ends the threads', async () => {
    const config = { ...tinySteps(12), evalEvery: 5 };
    const asked: (number | undefined)[] = [];
    let threads: ImageWorkers | undefined;
    const startWorkers = (count?: number) => {
      asked.push(count);
      threads = noting(startImageWorkers(count));
      return threads;
    };
    const alone = await run(config);
    expect(alone.metrics.length).toBe(12 + 3);
    expect(await run({ ...config, workers: 2 }, startWorkers)).toEqual(alone);
    expect((threads as ReturnType<typeof noting>).jobs.length).toBeGreaterThan(12);
    await expect(threads!.prepare((threads as ReturnType<typeof noting>).jobs[0]!)).rejects.toThrow('closed');
    await run({ ...config, workers: 0 }, startWorkers);
    expect(asked).toEqual([2]);
  });
});

describe('a preprocessing of one’s own', () => {
  const url = moduleOf(`
    import { isMainThread } from 'node:worker_threads';
    const values = (size, random) => new Float32Array(size * size * 3).fill((isMainThread ? 0 : 100) + 100 * random);
    export const mine = {
      name: 'mine',
      train: (image, size, random) => values(size, random.uniform()),
      evaluate: (image, size) => values(size, 0),
    };
  `);
  const here: Preprocessing = {
    name: 'mine',
    train: (_, size, random) => new Float32Array(size * size * 3).fill(100 * random.uniform()),
    evaluate: (_, size) => new Float32Array(size * size * 3),
  };

  it('runs in the threads where it names its module, with the same random numbers', async () => {
    const training = { ...options, seed: 3, to: 2 };
    const main = await collect(trainingBatches(noiseSplit(12), { ...training, preprocessing: here }));
    const preprocessing = { ...here, module: url };
    const threads = await collect(trainingBatches(noiseSplit(12), { ...training, preprocessing, workers: start(2) }));
    for (const [step, { inputs }] of threads.entries()) {
      expect(inputs).toEqual(main[step]!.inputs.map((value) => value + 100));
    }
  });

  it('runs on the main thread where it names none', async () => {
    const split = noiseSplit(8);
    const workers = noting(start(1));
    const [batch] = await collect(evaluationBatches(split, { ...options, preprocessing: here, workers }));
    expect(batch!.inputs.every((value) => value === 0)).toBe(true);
    expect([split.reads, workers.jobs.length]).toEqual([8, 0]);
  });

  it.each([
    ['is not exported', moduleOf('export const yours = { name: "yours" };'), /no preprocessing 'mine' in the module/],
    ['cannot be imported', 'file:///nowhere/mine.js', /cannot be imported \(.*nowhere/],
  ])('is refused where it %s', async (_, module, message) => {
    const preprocessing = { ...here, module };
    const batches = evaluationBatches(moduleSplit(8), { ...options, preprocessing, workers: start(1) });
    expect(await fails(collect(batches))).toMatchObject({
      name: 'PluginError',
      code: 'plugin/module',
      message: expect.stringMatching(message),
    });
  });
});

describe('what fails in a thread', () => {
  it('keeps its class, fields and cause', async () => {
    const url = moduleOf(`
      import { readFile } from 'node:fs/promises';
      import { DataError } from '${import.meta.resolve('@graftjs/core')}';
      export async function readImage(index) {
        const cause = await readFile('/nowhere/image.jpg').catch((error) => error);
        throw new DataError('data/damaged-image', 'Image ' + index + ' is gone.', { cause, details: { index, of: [1] } });
      }
    `);
    const error = await fails(collect(evaluationBatches(moduleSplit(3, url), { ...options, workers: start(1) })));
    expect(error).toBeInstanceOf(DataError);
    expect(error).toMatchObject({
      name: 'DataError',
      code: 'data/damaged-image',
      message: 'Image 0 is gone.',
      details: { index: 0, of: [1] },
      cause: { code: 'ENOENT', syscall: 'open', path: '/nowhere/image.jpg' },
    });
    expect((error as DataError).cause).toBeInstanceOf(Error);
    expect((error as DataError).stack).toContain('readImage');
  });

  it('leaves the threads at work', async () => {
    const workers = start(1);
    const wrong = moduleOf('export const readImage = () => Promise.reject(new TypeError("no such key"));');
    const error = await fails(collect(evaluationBatches(moduleSplit(3, wrong), { ...options, workers })));
    expect(error).toMatchObject({ name: 'TypeError', message: 'no such key' });
    expect((await collect(evaluationBatches(moduleSplit(3), { ...options, workers }))).length).toBe(1);
  });

  it.each([
    ['exits', 'process.exit(3)', /exited with code: 3/],
    ['throws where nobody catches it', 'setImmediate(() => { throw new Error("stray"); })', /stray/],
  ])('is an error of the run where the thread %s, for all that is underway and to come', async (_, work, message) => {
    const url = moduleOf(`export const readImage = () => new Promise(() => { ${work}; });`);
    const workers = start(2);
    const options = { size: 32, preprocessing: { name: 'none' }, indices: Uint32Array.of(0) };
    const failing = Array.from({ length: 9 }, () => workers.prepare({ ...options, images: { url, keys: [0] } }));
    for (const failed of await Promise.allSettled(failing)) {
      expect(failed).toMatchObject({
        status: 'rejected',
        reason: { name: 'RunError', code: 'run/image-workers', message: expect.stringMatching(message) },
      });
    }
    await expect(workers.prepare({ ...options, images: [noise(0)] })).rejects.toBeInstanceOf(RunError);
  });
});

describe('the threads', () => {
  it.each([0, -1, 1.5, Number.NaN])('cannot be %s', (count) => {
    expect(() => startImageWorkers(count)).toThrow('accepted are whole numbers from 1 up');
  });

  it('that end between two jobs are an error of the next one', async () => {
    const url = moduleOf(`export async function readImage() {
      setImmediate(() => { throw new Error('late'); });
      return { data: new Uint8Array(48), height: 4, width: 4 };
    }`);
    const workers = start(1);
    const job = { size: 4, preprocessing: { name: 'none' }, indices: Uint32Array.of(0) };
    const first = await fails(workers.prepare({ ...job, images: { url, keys: [0] } }));
    let error = first;
    while (error === undefined) error = await fails(workers.prepare({ ...job, images: [noise(0)] }));
    expect(error).toMatchObject({ code: 'run/image-workers', message: expect.stringContaining('late') });
  });

  /** Reading takes for ever. */
  const endless = moduleOf('export const readImage = () => new Promise(() => setInterval(() => {}, 1000));');

  it('end when they are closed, at work or not, and refuse more', async () => {
    const workers = start(2);
    const job = { size: 8, preprocessing: { name: 'none' }, indices: Uint32Array.of(0) };
    await workers.prepare({ ...job, images: [noise(0)] });
    const waiting = Array.from({ length: 7 }, () =>
      fails(workers.prepare({ ...job, images: { url: endless, keys: [0] } })),
    );
    await workers.close();
    for (const error of await Promise.all(waiting)) expect(error).toMatchObject({ code: 'run/image-workers' });
    expect(await fails(workers.prepare({ ...job, images: [noise(0)] }))).toMatchObject({
      code: 'run/image-workers',
      message: 'The threads that prepare images were closed.',
    });
  });

  /** Runs a program with this package, and gives what it prints. */
  async function run(program: string, flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const args = [...flags, '--input-type=module', '--eval', program];
    const options = { timeout: 60_000, env: { ...process.env, ...env } };
    return (await promisify(execFile)(process.execPath, args, options)).stdout.trim();
  }

  const prepareOne = `
    const { startImageWorkers } = await import('@graftjs/trainer/node');
    const workers = startImageWorkers(2);
    const images = [{ data: new Uint8Array(48).fill(9), height: 4, width: 4 }];
    const prepare = () => workers.prepare({ size: 2, preprocessing: { name: 'none' }, indices: Uint32Array.of(0), images });
  `;

  it('that cannot be made are an error of the run, and nothing else ends it', async () => {
    const permission = '--permission';
    const restricted = process.allowedNodeEnvironmentFlags.has(permission) ? permission : '--experimental-permission';
    const program = `${prepareOne}
      const codes = [];
      for (let time = 0; time < 3; time++) await prepare().catch(({ code, cause }) => codes.push(code, cause.code));
      await workers.close();
      await new Promise(setImmediate);
      console.log(codes.join());
    `;
    expect(await run(program, [restricted, '--allow-fs-read=*'])).toBe(
      Array(3).fill('run/image-workers,ERR_ACCESS_DENIED').join(),
    );
  });

  it('start where NODE_OPTIONS has what is for the whole process', async () => {
    const program = `${prepareOne} console.log((await prepare()).join());`;
    expect(await run(program, [], { NODE_OPTIONS: '--title=graft' })).toBe(Array(12).fill(9).join());
  });

  it('keep no process alive that has nothing else to do', async () => {
    expect(await run(`${prepareOne} console.log((await prepare()).join());`)).toBe(Array(12).fill(9).join());
  });
});
