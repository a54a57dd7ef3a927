import { GraphBuilder } from '../builder.js';
import { voidLabel } from '../dataset.js';
import { elementCount } from '../dtype.js';
import type { Engine } from '../engine.js';
import type { Graph } from '../graph.js';
import { checkClose, checkFails } from './contract.js';
import { classes, exampleInputs, simple, size, training, variablesOf } from './engine-networks.js';
import { uniform } from './formula.js';
import { crossEntropy, evaluateBatch } from './reference.js';
import { examplesOf, slopes } from './reference-loss.js';

/** Scores of every pixel: of the whole image, with the finer ones of an enlarged half of it. */
function segmenter(): Graph {
  const builder = new GraphBuilder('net', {
    name: 'images',
    shape: [size.height, size.width, size.channels],
    dtype: 'float32',
  });
  const score = { channels: classes, kernel: 1, activation: 'none' } as const;
  const fine = builder.conv2d(builder.input, { name: 'fine', channels: 8, kernel: 3 });
  const coarse = builder.maxPool(fine, { name: 'pool', kernel: 2, padding: 'SAME' });
  const scores = builder.conv2d(coarse, { name: 'score', ...score });
  const enlarged = builder.conv2dTranspose(scores, { name: 'up', channels: classes, kernel: 4, strides: 2 });
  const cropped = builder.crop(enlarged, { name: 'crop', margins: [0, 1, 1, 0] });
  const sum = builder.sum([cropped, builder.conv2d(fine, { name: 'fine_score', ...score })], { name: 'sum' });
  return builder.build(sum, ['score', 'up', 'fine_score']);
}

const graph = segmenter();
const examples = 3;
const pixels = size.height * size.width;

/** Labels of all classes, every fifth pixel or so of which is void; of the second image all are. */
const masks = Uint8Array.from(uniform('masks', examples * pixels), (u, index) => {
  const isVoid = u >= 0.8 || Math.floor(index / pixels) === 1;
  return isVoid ? voidLabel : Math.floor((classes * u) / 0.8);
});
const labelled = masks.reduce((count, label) => count + (label === voidLabel ? 0 : 1), 0);

/** The sum over the pixels that are not void, each times the weight of its class. */
function maskLoss(
  variables: ReadonlyMap<string, ArrayLike<number>>,
  inputs: ArrayLike<number>,
  classWeights: ArrayLike<number>,
): number {
  const results = evaluateBatch(graph, variables, examplesOf(graph, inputs));
  let loss = 0;
  for (const [pixel, label] of masks.entries()) {
    if (label === voidLabel) continue;
    const logits = results[Math.floor(pixel / pixels)]!.get(graph.output)!;
    const at = (pixel % pixels) * classes;
    loss += classWeights[label]! * crossEntropy(logits.subarray(at, at + classes), label);
  }
  return loss;
}

async function checkMasks(engine: Engine, byClass: Float32Array | undefined): Promise<void> {
  const session = await training(engine, graph);
  const [inputs, variables] = [exampleInputs(graph, examples), variablesOf(graph)];
  const batch = { inputs, masks, ...(byClass && { classWeights: byClass }) };
  const { loss, logits } = await session.accumulate(batch);
  const lossOf = (moved: ReadonlyMap<string, ArrayLike<number>>) =>
    maskLoss(moved, inputs, byClass ?? new Array<number>(classes).fill(1 / labelled));
  checkClose([loss], [lossOf(variables)], 1e-4, 'the loss');
  const results = evaluateBatch(graph, variables, examplesOf(graph, inputs));
  checkClose(
    logits,
    results.flatMap((values) => [...values.get(graph.output)!]),
    1e-4,
    'the logits',
  );
  for (const { name, shape } of graph.variables) {
    const at = [...new Set(Array.from(uniform(`at ${name}`, 12), (u) => Math.floor(u * elementCount(shape))))];
    const gradient = session.gradient(name);
    const found = at.map((index) => gradient[index]!);
    checkClose(found, slopes(lossOf, variables, name, at), 1e-3, `the gradient of ${name}`);
  }
  await session.close();
}

/** What a session does with masks. */
export const maskLaws: Readonly<Record<string, (engine: Engine) => Promise<void>>> = {
  'learns from masks by the mean over the pixels that are not void': (engine) => checkMasks(engine, undefined),
  'weights pixels by their classes': (engine) => checkMasks(engine, Float32Array.of(0.02, 0, 0.005)),
  'has a loss and gradients of 0 where all pixels are void': async (engine) => {
    const session = await training(engine, graph);
    const [inputs, nothing] = [exampleInputs(graph, 2), new Uint8Array(2 * pixels).fill(voidLabel)];
    const { loss } = await session.accumulate({ inputs, masks: nothing });
    checkClose([loss], [0], 0, 'the loss');
    for (const { name, shape } of graph.variables)
      checkClose(session.gradient(name), new Float32Array(elementCount(shape)), 0, `the gradient of ${name}`);
    await session.close();
  },
  'refuses masks that do not fit, and labels where masks are needed': async (engine) => {
    const session = await training(engine, graph);
    const inputs = exampleInputs(graph, 1);
    const wrong = new Uint8Array(pixels);
    wrong[17] = classes;
    const labels = Int32Array.of(1);
    await checkFails(() => session.accumulate({ inputs, masks: wrong }), 'engine/label', 'a label too large');
    const short = wrong.subarray(0, pixels - 1);
    await checkFails(() => session.accumulate({ inputs, masks: short }), 'engine/batch', 'a mask too short');
    const two = new Uint8Array(2 * pixels);
    await checkFails(() => session.accumulate({ inputs, masks: two }), 'engine/input', 'two masks of one image');
    const classWeights = new Float32Array(classes + 1);
    const weighted = { inputs, masks: new Uint8Array(pixels), classWeights };
    await checkFails(() => session.accumulate(weighted), 'engine/batch', 'too many weights');
    await checkFails(() => session.accumulate({ inputs, labels }), 'engine/batch', 'labels for a segmenter');
    const classifier = await training(engine, simple);
    await checkFails(() => classifier.accumulate({ inputs, masks: wrong }), 'engine/batch', 'masks for a classifier');
    await Promise.all([session.close(), classifier.close()]);
  },
};
