import { elementCount } from '../dtype.js';
import type { Engine } from '../engine.js';
import { dropoutMask } from '../engine-kit/dropout-mask.js';
import type { Graph } from '../graph.js';
import { batchNormLaws } from './batch-norm-laws.js';
import { type ContractCase, check, checkClose, checkFails } from './contract.js';
import {
  below,
  classes,
  exampleInputs,
  labels,
  network,
  networks,
  simple,
  size,
  training,
  variablesOf,
  writeAll,
} from './engine-networks.js';
import { uniform } from './formula.js';
import { maskLaws } from './mask-laws.js';
import { evaluateGraph } from './reference.js';
import { differences, referenceLoss } from './reference-loss.js';
import { updateLaws } from './update-laws.js';

const tolerance = 1e-4;

async function checkForward(engine: Engine, graph: Graph): Promise<void> {
  const session = await engine.open(graph);
  const variables = variablesOf(graph);
  writeAll(session, variables);
  const inputs = exampleInputs(graph, 2);
  const names = graph.nodes.map(({ name }) => name);
  const results = await session.predict(inputs, 2, names);
  const one = elementCount(graph.input.shape);
  const expected = [0, 1].map((index) =>
    evaluateGraph(graph, variables, inputs.subarray(index * one, (index + 1) * one)),
  );
  for (const name of names) {
    const both = expected.flatMap((values) => [...values.get(name)!]);
    checkClose(results.get(name)!, both, tolerance, name);
  }
  await session.close();
}

async function checkGradient(engine: Engine, graph: Graph): Promise<void> {
  const session = await training(engine, graph);
  const variables = variablesOf(graph);
  const inputs = exampleInputs(graph, labels.length);
  const { loss, auxiliaryLoss } = await session.accumulate({ inputs, labels });
  checkClose([loss + auxiliaryLoss], [referenceLoss(graph, variables, inputs, labels)], tolerance, 'the loss');
  for (const { name, shape, trainable } of graph.variables) {
    if (!trainable) continue;
    const count = elementCount(shape);
    const at = [...new Set(Array.from(uniform(`at ${name}`, 12), (u) => Math.floor(u * count)))];
    const gradient = session.gradient(name);
    const found = at.map((index) => gradient[index]!);
    checkClose(found, differences(graph, variables, name, at, inputs, labels), 1e-3, `the gradient of ${name}`);
  }
  await session.close();
}

const dropping = network((g, x) => g.dropout(below(g, x), { name: 'd', keep: 0.7 }));

/** Laws that a session keeps besides the numbers of each operation. */
const laws: Readonly<Record<string, (engine: Engine) => Promise<void>>> = {
  'gives back what was written, in TF-Slim’s layout': async (engine) => {
    const session = await training(engine, simple);
    for (const [name, values] of variablesOf(simple)) checkClose(session.read(name), values, 0, name);
    await session.close();
  },
  'has a variable filled as it is written, and what runs next uses it': async (engine) => {
    const [filled, written] = [await engine.open(simple), await engine.open(simple)];
    const inputs = exampleInputs(simple, 3);
    await filled.predict(inputs, 3);
    for (const [name, values] of variablesOf(simple)) {
      await filled.fill(name, async (into) => {
        await Promise.resolve();
        into.set(values);
      });
      written.write(name, values);
      checkClose(filled.read(name), values, 0, name);
    }
    const expected = (await written.predict(inputs, 3)).get(simple.output)!;
    checkClose((await filled.predict(inputs, 3)).get(simple.output)!, expected, 0, 'the output');
    await filled.close();
    await written.close();
  },
  'gives frozen variables neither gradient nor slot, and leaves them as they are': async (engine) => {
    const session = await training(engine, simple, { trainable: ['net/out/weights'], weightDecay: 0.1 });
    await session.accumulate({ inputs: exampleInputs(simple, 3), labels });
    await checkFails(() => session.gradient('net/c/weights'), 'engine/', 'the gradient of a frozen variable');
    check(!session.variables.has('net/c/weights/Count'), 'A frozen variable has a slot.');
    check(session.variables.has('net/out/weights/Count'), 'A trained variable has no slot.');
    await session.update(0.1);
    checkClose(session.read('net/c/weights'), variablesOf(simple).get('net/c/weights')!, 0, 'a frozen variable');
    await session.close();
  },
  'updates by the gradient with weight decay, and counts decay over frozen variables too': async (engine) => {
    const session = await training(engine, simple, {
      trainable: ['net/out/weights', 'net/out/biases'],
      weightDecay: 0.25,
    });
    const variables = variablesOf(simple);
    const squares = simple.variables.filter(({ decayed }) => decayed).flatMap(({ name }) => [...variables.get(name)!]);
    checkClose([session.decayLoss()], [0.125 * squares.reduce((sum, w) => sum + w * w, 0)], 1e-6, 'weight decay');
    const inputs = exampleInputs(simple, 3);
    await session.accumulate({ inputs, labels });
    const name = 'net/out/weights';
    const at = [0, 5, 17, 100];
    const slopes = differences(simple, variables, name, at, inputs, labels);
    const whole = at.map((index, i) => slopes[i]! + 0.25 * variables.get(name)![index]!);
    const gradient = session.gradient(name);
    checkClose(
      at.map((index) => gradient[index]!),
      whole,
      1e-3,
      'the gradient with weight decay',
    );
    await session.update(0.5);
    const after = session.read(name);
    checkClose(
      at.map((i) => after[i]!),
      at.map((i) => variables.get(name)![i]! - 0.5 * gradient[i]!),
      1e-6,
      'the updated weights',
    );
    checkClose(session.read(`${name}/Count`), new Float32Array(after.length).fill(1.5), 0, 'the slot');
    checkClose(session.read('power'), [0.25], 0, 'the scalar');
    await session.close();
  },
  'adds gradients up until the update, and forgets them there': async (engine) => {
    const whole = await training(engine, simple);
    const halves = await training(engine, simple);
    const inputs = exampleInputs(simple, 3);
    const one = elementCount(simple.input.shape);
    const weights = Float32Array.from([0.5, 0.2, 0.3]);
    await whole.accumulate({ inputs, labels, weights });
    await halves.accumulate({
      inputs: inputs.subarray(0, one),
      labels: labels.subarray(0, 1),
      weights: weights.subarray(0, 1),
    });
    await halves.accumulate({ inputs: inputs.subarray(one), labels: labels.subarray(1), weights: weights.subarray(1) });
    checkClose(halves.gradient('net/c/weights'), whole.gradient('net/c/weights'), 1e-5, 'the sum of two gradients');
    await halves.update(0);
    await halves.accumulate({ inputs, labels, weights });
    checkClose(halves.gradient('net/c/weights'), whole.gradient('net/c/weights'), 1e-5, 'the gradient after an update');
    await Promise.all([whole.close(), halves.close()]);
  },
  'gives the gradient of max pooling to the first of several largest elements': async (engine) => {
    for (const kernel of [2, 3]) {
      const graph = network((g, x) => {
        const sum = g.conv2d(x, { name: 'sum', channels: 1, kernel: 1, biases: false, activation: 'none' });
        return g.maxPool(sum, { name: 'p', kernel });
      });
      const session = await training(engine, graph);
      session.write('net/sum/weights', Float32Array.of(1, 1, 1));
      // All sums are 1: of the first channel where a window begins, elsewhere of the second.
      const { height, width, channels } = size;
      const inputs = new Float32Array(height * width * channels);
      for (let place = 0; place < height * width; place++) {
        const begins = Math.floor(place / width) % 2 === 0 && (place % width) % 2 === 0;
        inputs[place * channels + (begins ? 0 : 1)] = 1;
      }
      await session.accumulate({ inputs, labels: Int32Array.of(1) });
      const [first, second, third] = session.gradient('net/sum/weights');
      check(
        first !== 0 && second === 0 && third === 0,
        `Windows of ${kernel}: the gradients are ${[first, second, third]}.`,
      );
      await session.close();
    }
  },
  'gives the same bits for the same seed, and others for another seed': async (engine) => {
    const inputs = exampleInputs(dropping, 3);
    const runs: Float32Array[] = [];
    for (const seed of [7, 7, 8]) {
      const session = await training(engine, dropping);
      for (let step = 0; step < 3; step++) {
        await session.accumulate({ inputs, labels, seed: seed + step });
        await session.update(0.01);
      }
      runs.push(session.read('net/below/weights'));
      await session.close();
    }
    checkClose(runs[1]!, runs[0]!, 0, 'the weights of the same run');
    check(
      runs[2]!.some((value, index) => value !== runs[0]![index]),
      'Another seed gave the same weights.',
    );
  },
  'drops elements with their probability, scales the rest, and drops none in use': async (engine) => {
    const graph = network((g, x) => g.dropout(x, { name: 'd', keep: 0.7 }));
    const session = await training(engine, graph);
    const ones = new Float32Array(200 * elementCount(graph.input.shape)).fill(1);
    const name = 'net/out/weights';
    session.write(name, new Float32Array(elementCount(session.variables.get(name)!)).fill(1));
    session.write('net/out/biases', new Float32Array(classes));
    // All weights 1: a logit is 1 / keep times the number of elements that stayed.
    const { logits } = await session.accumulate({ inputs: ones, labels: new Int32Array(200), seed: 3 });
    const elements = elementCount(graph.input.shape);
    const kept = Array.from({ length: 200 }, (_, index) => (logits[index * classes]! * 0.7) / elements);
    const mean = kept.reduce((sum, share) => sum + share, 0) / kept.length;
    // Five standard errors of a share of 200 * 189 draws.
    check(
      Math.abs(mean - 0.7) < 5 * Math.sqrt((0.7 * 0.3) / (200 * elements)),
      `${mean} of the elements stayed, not 0.7.`,
    );
    check(new Set(kept.map((share) => share.toFixed(6))).size > 20, 'Every example drops the same number of elements.');
    const used = await session.predict(ones.subarray(0, elements), 1);
    checkClose([...used.values()][0]!, new Float32Array(classes).fill(elements), 1e-6, 'the logits in use');
    await session.close();
  },
  'drops the elements of images that every engine drops by this seed': async (engine) => {
    const keep = 0.7;
    const graph = network((g, x) => g.dropout(x, { name: 'd', keep }));
    const session = await training(engine, graph);
    const inputs = exampleInputs(graph, labels.length) as Float32Array;
    const { logits } = await session.accumulate({ inputs, labels, seed: 3 });
    await session.close();
    const one = elementCount(graph.input.shape);
    const mask = dropoutMask(keep, 3, 0, 0, labels.length, one);
    const resting = network((_, x) => x);
    const expected = Array.from(labels, (_, index) => {
      const dropped = inputs.map((value, at) => value * mask[at]!).subarray(index * one, (index + 1) * one);
      return [...evaluateGraph(resting, variablesOf(resting), dropped).get(resting.output)!];
    });
    checkClose(logits, expected.flat(), tolerance, 'the logits');
  },
  'refuses inputs, labels and names that do not fit': async (engine) => {
    const session = await training(engine, simple);
    const inputs = exampleInputs(simple, 3);
    await checkFails(
      () => session.accumulate({ inputs: inputs.subarray(1), labels }),
      'engine/',
      'inputs that are too short',
    );
    await checkFails(
      () => session.accumulate({ inputs, labels: Int32Array.from([0, 1, classes]) }),
      'engine/',
      'a label too large',
    );
    await checkFails(
      () => session.accumulate({ inputs, labels: Int32Array.from([0, 1, -1]) }),
      'engine/',
      'a negative label',
    );
    await checkFails(
      () => session.accumulate({ inputs: inputs.subarray(0, 0), labels: new Int32Array() }),
      'engine/',
      'an empty batch',
    );
    await checkFails(() => session.predict(new Uint8Array(inputs.length), 3), 'engine/', 'bytes instead of floats');
    await checkFails(() => session.predict(inputs, 3, ['net/nothing']), 'engine/', 'an unknown end point');
    await checkFails(() => session.read('net/nothing'), 'engine/', 'an unknown variable');
    await checkFails(() => session.write('net/c/biases', new Float32Array(1)), 'engine/', 'too few values');
    await session.close();
  },
  'refuses a device that it does not have': async (engine) => {
    await checkFails(() => engine.open(simple, { device: 'abacus' }), 'usage/', 'an unknown device');
  },
};

/**
 * What every engine keeps: each operation forward against plain loops in float64, each gradient against their finite
 * differences, and the laws of sessions.
 */
export function engineContract(engine: Engine): ContractCase[] {
  return [
    ...Object.entries(networks).flatMap(([name, graph]) => [
      { name: `runs ${name}`, run: () => checkForward(engine, graph) },
      { name: `differentiates ${name}`, run: () => checkGradient(engine, graph) },
    ]),
    ...Object.entries({ ...laws, ...batchNormLaws, ...maskLaws, ...updateLaws }).map(([name, law]) => ({
      name,
      run: () => law(engine),
    })),
  ];
}
