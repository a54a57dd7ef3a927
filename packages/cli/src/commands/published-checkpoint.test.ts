import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { slimV1 } from '@graftjs/ckpt-slim';
import { nodeFileSystem } from '@graftjs/core/node';
import type { CheckpointEvaluation } from '@graftjs/trainer';
import { expect, it, onTestFinished } from 'vitest';
import { graft, packageFolder, temporaryFolder, writeImage } from '../../test/graft.js';

/** The classes n01 to n05, which the outputs 1 to 5 stand for; output 0 is the background. */
const colours = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 0],
  [0, 255, 255],
] as const;

/** An archive as TF-Slim's are: a V1 checkpoint, and a graph beside it. Its weights know the colours by their distance. */
async function pack(folder: string): Promise<Buffer> {
  const outputs = colours.length + 1;
  const [weights, biases] = [new Float32Array(3 * outputs), new Float32Array(outputs).fill(-1000)];
  for (const [k, colour] of colours.entries()) {
    for (const [channel, value] of colour.entries()) weights[channel * outputs + k + 1] = (2 * value) / 255;
    biases[k + 1] = -colour.reduce<number>((sum, value) => sum + (value / 255) ** 2, 0);
  }
  const tensor = (name: string, shape: number[], values: Float32Array) => ({
    name: `eye/logits/${name}`,
    dtype: 'float32' as const,
    shape,
    read: () => new Uint8Array(values.buffer),
  });
  const inside = join(folder, 'inside');
  await mkdir(inside);
  const tensors = [tensor('biases', [outputs], biases), tensor('weights', [1, 1, 3, outputs], weights)];
  await slimV1.write!(join(inside, 'eye.ckpt'), tensors, nodeFileSystem);
  await writeFile(join(inside, 'eval.graph'), 'a graph');
  const path = join(folder, 'eye.tar.gz');
  execFileSync('tar', ['-czf', path, '-C', inside, 'eye.ckpt', 'eval.graph']);
  return readFile(path);
}

interface Project {
  /** Runs the command in it. */
  run(...args: readonly string[]): ReturnType<typeof graft>;
  /** The archive that the server has. */
  readonly archive: Buffer;
  readonly origin: string;
  /** What the server was asked for. */
  readonly asked: readonly string[];
  readonly cache: string;
  /** Two images of n05 and one of n02 that is mistaken for n03. */
  readonly images: string;
}

/** A project with the network `eye` (see `test/eye.mjs`), whose checkpoint a server here has. */
async function project(): Promise<Project> {
  const cwd = await temporaryFolder();
  const [cache, images] = [join(cwd, 'cache'), join(cwd, 'images')];
  const archive = await pack(cwd);
  const asked: string[] = [];
  const server = createServer(({ url }, response) => {
    asked.push(url!);
    response.writeHead(200, { 'content-length': archive.length }).end(archive);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const plugins = ['ckpt-slim', 'data-folder', 'engine-onnx'];
  const modules = plugins.map((name) => join(packageFolder, `node_modules/@graftjs/${name}/dist/index.js`));
  await writeFile(join(cwd, 'package.json'), '{}');
  await writeFile(
    join(cwd, 'graft.config.mjs'),
    `import { eyePlugin } from ${JSON.stringify(fileURLToPath(new URL('../../test/eye.mjs', import.meta.url)))};
    ${modules.map((path, index) => `import plugin${index} from ${JSON.stringify(path)};`).join('\n')}
    export default { plugins: [eyePlugin('${origin}'), ${modules.map((_, index) => `plugin${index}`)}] };`,
  );

  for (const name of ['n02', 'n05']) await mkdir(join(images, name), { recursive: true });
  await writeImage(join(images, 'n02/a.png'), [0, 0, 255]);
  await writeImage(join(images, 'n05/a.png'), [0, 255, 255]);
  await writeImage(join(images, 'n05/b.png'), [30, 240, 220]);
  const run = (...args: readonly string[]) => graft(args, { cwd, env: { ...process.env, GRAFT_CACHE: cache } });
  return { run, archive, origin, asked, cache, images };
}

const evaluation = (images: string, checkpoint = 'eye') => [
  ...['evaluate', '--model', 'eye', '--checkpoint', checkpoint],
  ...['--dataset', 'folder', '--data', images],
];

it('is fetched by its name, and found by it', async () => {
  const { run, archive, asked, cache, images } = await project();
  const path = join(cache, 'data/eye.ckpt');
  const sha256 = createHash('sha256').update(archive).digest('hex');
  expect((await run('models')).stdout).toMatch(/^eye +8 +6 +slim +eye +knows colours$/m);
  expect((await run('download')).stdout).toMatch(/^eye +- +no +an eye for five colours +free$/m);

  const early = await run(...evaluation(images));
  expect(early.status).toBe(2);
  expect(early.stderr).toBe(
    `Error: eye is a published checkpoint, and ${path} is not there. Fetch it: graft download eye; or name the file that it is in.\n`,
  );

  const fetched = await run('download', 'eye');
  expect(fetched).toMatchObject({
    status: 0,
    stdout:
      `eye is there: ${path}\n` +
      `No hash of eye_2016_08_28.tar.gz is published. What came has the SHA-256 ${sha256}.\n`,
  });
  const again = JSON.parse((await run('download', 'eye', '--json')).stdout) as unknown;
  expect(again).toEqual([{ name: 'eye', path, status: 'present', unpublished: sha256 }]);
  expect(asked).toEqual(['/models/eye_2016_08_28.tar.gz']);

  const evaluated = await run(...evaluation(images), '--json');
  expect(evaluated).toMatchObject({ status: 0 });
  const result = JSON.parse(evaluated.stdout) as CheckpointEvaluation;
  expect(result).toMatchObject({
    split: 'all',
    count: 3,
    top1: 2 / 3,
    top5: 1,
    published: { top1: 0.875, top5: 0.9875, source: 'the eye itself' },
  });
  expect(result.confusion[2]).toEqual([0, 0, 0, 1, 0, 0]);
  expect(result.confusion[5]).toEqual([0, 0, 0, 0, 0, 2]);
  const { stdout } = await run(...evaluation(images));
  expect(stdout).toMatch(
    /^all: top1 66\.67 %, top5 100\.00 %, .*\npublished for eye: top1 87\.50 %, top5 98\.75 % \(the eye itself\)\n/,
  );
  expect(stdout).toMatch(/^2 +n02 +1 +0\.00 %\n5 +n05 +2 +100\.00 %\n\n/m);

  expect((await run('inspect', 'eye')).stdout).toMatch(
    /^eye\/logits\/biases +float32 +6$[\s\S]*eye\.ckpt: 2 variables, slim-v1$/m,
  );
  const trained = await run('finetune', ...evaluation(images).slice(1), '--exclude', 'eye/logits', '--steps', '1');
  expect(trained.stderr).toContain(`0 of 2 variables come from ${path}`);
}, 240_000);

it('comes from a mirror to another folder, and is named by its path there', async () => {
  const { run, origin, asked, cache, images } = await project();
  const out = join(cache, 'elsewhere');
  expect((await run('download', 'eye', '--out', out, '--from', `${origin}/mirror/`)).status).toBe(0);
  expect(asked).toEqual(['/mirror/eye_2016_08_28.tar.gz']);
  expect((await run(...evaluation(images))).status).toBe(2);
  const { stdout } = await run(...evaluation(images, join(out, 'eye.ckpt')), '--json');
  expect(JSON.parse(stdout)).toMatchObject({ count: 3, published: { top1: 0.875 } });
});

it.each([
  [
    ['evaluate'],
    /^Error: --model is missing: evaluate needs the folder of a run, or --model, --checkpoint and --dataset/,
  ],
  [['evaluate', '--model', 'eye', '--dataset', 'folder', '--data', 'x'], /^Error: --checkpoint is missing/],
  [['evaluate', '--model', 'eye', '--checkpoint', 'x', '--dataset', 'folder'], /^Error: --data is missing/],
  [
    ['evaluate', 'runs/x', '--model', 'eye', '--size', '8'],
    /^Error: .* Leave out --model, --size; or leave out the run/,
  ],
])('%j is told', async (args, message) => {
  const { status, stderr } = await (await project()).run(...args);
  expect(status).toBe(2);
  expect(stderr).toMatch(message);
});

const photographs = process.env.GRAFT_DATA;

it.skipIf(photographs === undefined && process.env.CI === undefined)(
  'recognises as many photographs as TensorFlow did with the same weights',
  async () => {
    const checkpoint = fileURLToPath(
      new URL('../../../../examples/quickstart/vgg_16_quarter_cifar10.ckpt', import.meta.url),
    );
    const { stdout } = await graft([
      ...['evaluate', '--model', 'vgg_16', '--width', '0.25', '--size', '32', '--classes', '10', '--json'],
      ...['--preprocessing', 'none', '--checkpoint', checkpoint],
      ...['--dataset', 'cifar10', '--data', photographs ?? 'the folder in GRAFT_DATA'],
    ]);
    const { split, top1, published } = JSON.parse(stdout) as CheckpointEvaluation;
    // 83.0 % of all 10,000 that are for testing; the standard error over 5,000 of them is 0.5 %.
    expect(Math.abs(top1 - 0.83)).toBeLessThan(0.015);
    expect([split, published]).toEqual(['test', undefined]);
  },
);
