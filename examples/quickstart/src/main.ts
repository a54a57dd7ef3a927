import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ckptSlim from '@graftjs/ckpt-slim';
import { createContainer } from '@graftjs/core';
import { nodeFileSystem as files } from '@graftjs/core/node';
import dataFolder, { folder } from '@graftjs/data-folder';
import engineOnnx from '@graftjs/engine-onnx';
import modelVgg from '@graftjs/model-vgg';
import { finetune, openRun, predict, type RunResult } from '@graftjs/trainer';
import { startImageWorkers } from '@graftjs/trainer/node';
import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { drawEmoji } from './emoji.js';
import { regimes, size } from './regimes.js';

const home = fileURLToPath(new URL('..', import.meta.url));
const data = join(home, 'emoji');
const runs = join(home, 'runs');
const container = createContainer([ckptSlim, dataFolder, engineOnnx, modelVgg]);
const percent = (share: number) => `${(100 * share).toFixed(1)}%`;

/** A bar on a terminal; elsewhere it says nothing. */
const bar = (format: string) => new SingleBar({ format, noTTYOutput: false, hideCursor: true, clearOnComplete: true });

async function draw(): Promise<void> {
  if (existsSync(data)) return;
  console.log('Drawing the emoji of three artists ...');
  const progress = bar('  {bar} {value} of {total}, {eta} s left');
  await drawEmoji(data, size, (done, total) => {
    if (done === 1) progress.start(total, 0);
    progress.update(done);
  });
  progress.stop();
}

async function train(
  name: string,
  meaning: string,
  config: Parameters<typeof finetune>[0],
): Promise<{ result: RunResult; seconds: number }> {
  console.log(`Training ${name}: ${meaning} ...`);
  const start = performance.now();
  const progress = bar('  {bar} step {value} of {total}, loss {loss}, {rate} images/s, {eta} s left');
  const result = await finetune(config, container, {
    files,
    folder: join(runs, name),
    features: { folder: join(home, 'features') },
    startWorkers: startImageWorkers,
    onEvent(event) {
      if (event.type === 'start') progress.start(event.totalSteps, 0, { loss: '-', rate: '-' });
      if (event.type === 'step')
        progress.update(event.step, { loss: event.loss.toFixed(3), rate: event.imagesPerSecond.toFixed(0) });
    },
  });
  progress.stop();
  return { result, seconds: (performance.now() - start) / 1000 };
}

/** A few test images of each class, and what the run takes them for. */
async function showPredictions(name: string, each: number): Promise<void> {
  const run = await openRun(join(runs, name), container, { files });
  const dataset = await run.openDataset();
  const { test } = dataset.splits;
  const shown = run.classes.flatMap((_, label) => {
    const places = [...test!.labels.keys()].filter((index) => test!.labels[index] === label);
    return Array.from({ length: each }, (_, i) => places[Math.floor(((i + 0.5) * places.length) / each)]!);
  });
  const images = await Promise.all(shown.map((index) => test!.read(index)));
  const table = new Table({ head: ['emoji', 'it is', `the run '${name}' says`], style: { head: [], border: [] } });
  let place = 0;
  for await (const [first] of predict(run.session, images, run.classes, {
    preprocessing: run.preprocessing,
    top: 1,
  })) {
    const index = shown[place++]!;
    const truth = run.classes[test!.labels[index]!]!;
    const emoji = test!
      .id(index)
      .replace(/^.*_/, '')
      .replace(/\.png$/, '');
    table.push([emoji, truth, `${first!.name === truth ? ' ' : '✗'} ${first!.name}, ${percent(first!.probability)}`]);
  }
  console.log(table.toString());
  await dataset.close();
  await run.close();
}

/** The shares of the test images that guessing gets right: of all classes alike, and of the commonest of training. */
async function chance(): Promise<{ alike: number; commonest: number }> {
  const { splits, classes, close } = await folder.open({ folder: data });
  const count = (labels: Int32Array) => classes.map((_, label) => labels.filter((each) => each === label).length);
  const train = count(splits.train!.labels);
  const test = count(splits.test!.labels);
  const commonest = train.indexOf(Math.max(...train));
  await close();
  return { alike: 1 / classes.length, commonest: test[commonest]! / splits.test!.labels.length };
}

/** What the accuracies say of two runs: a difference counts from two standard errors on. */
function compare(what: string, a: number, b: number, count: number): string {
  const error = Math.sqrt((a * (1 - a) + b * (1 - b)) / count);
  const points = (100 * Math.abs(a - b)).toFixed(1);
  if (Math.abs(a - b) < 2 * error)
    return `${what} makes no difference that ${count} images can show (${points} points).`;
  return `${what} ${a > b ? 'helps' : 'does harm'}: ${points} points, ${(Math.abs(a - b) / error).toFixed(1)} standard errors.`;
}

const begun = performance.now();
await draw();
await rm(runs, { recursive: true, force: true });
const table = new Table({
  head: ['run', 'what is trained', 'test accuracy', 'test loss', 'steps', 'time'],
  style: { head: [], border: [] },
});
const accuracy: Record<string, number> = {};
let count = 0;
for (const { name, meaning, config } of regimes(data, join(home, 'vgg_16_quarter_cifar10.ckpt'))) {
  const { result, seconds } = await train(name, meaning, config);
  const { top1, loss } = result.metrics;
  accuracy[name] = top1;
  count = result.metrics.count;
  table.push([name, meaning, percent(top1), loss.toFixed(3), result.steps, `${seconds.toFixed(0)} s`]);
}
const { alike, commonest } = await chance();
table.push(
  ['', 'guessing, all classes alike', percent(alike), '', '', ''],
  ['', 'always the commonest class', percent(commonest), '', '', ''],
);
await showPredictions('all', 3);
console.log(`\nEight classes of emoji, learned from two artists, tested on ${count} of a third:\n${table.toString()}`);
console.log(compare('Pretraining on CIFAR-10', accuracy.all!, accuracy.scratch!, count));
console.log(compare('Training all layers instead of the last', accuracy.all!, accuracy.head!, count));
console.log(
  `\nThe runs are in ${relative(process.cwd(), runs)}, ${((performance.now() - begun) / 1000).toFixed(0)} s in all. Look at one:`,
);
console.log(`  node_modules/.bin/graft evaluate ${relative(process.cwd(), join(runs, 'all'))}`);
