import {
  type Backbone,
  type Engine,
  elementCount,
  type Optimizer,
  type Segmenter,
  type SessionOptions,
  type TrainingSession,
  type Variable,
  voidLabel,
} from '@graftjs/core';
import { formulaVariable, uniform } from '@graftjs/core/testing';
import { initialValue } from '@graftjs/trainer';
import { compareAll, type Expectation, gradientName, recordNumber } from './compare-all.js';
import { formulaBatch } from './formula-batch.js';
import { type Measurement, measure } from './measurement.js';
import { type Movement, nudge } from './nudge.js';
import type { SegmentationOracle } from './oracle.js';
import { Checks, tolerances, type Verification } from './verification.js';

/** Pixels to a side of the squares that have one label. */
const block = 8;

/** Gradients alone are looked at. */
const idle: Optimizer = { name: 'none', slots: [], scalars: [], update() {}, advance() {} };

/** The masks of the file's images: squares of one label each, of which one value more than there are classes is void. */
function formulaMasks({ batch, height, width, classes }: SegmentationOracle): Uint8Array {
  const [rows, columns] = [Math.ceil(height / block), Math.ceil(width / block)];
  const masks = new Uint8Array(batch * height * width);
  for (let index = 0; index < batch; index++) {
    const labels = uniform(`fcn:label${index}`, rows * columns);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const u = labels[Math.floor(y / block) * columns + Math.floor(x / block)]!;
        const label = Math.floor((classes + 1) * u);
        masks[(index * height + y) * width + x] = label === classes ? voidLabel : label;
      }
    }
  }
  return masks;
}

/** The formula's value, of scores divided by 64; layers that enlarge have what they start with. */
function startOf(variable: Variable): Float32Array {
  if (variable.initializer.kind === 'bilinear') return initialValue(variable, 0);
  const values = formulaVariable(variable.name, variable.shape);
  return /\/score_[^/]*\/weights$/.test(variable.name) ? values.map((value) => value / 64) : values;
}

/** One of so many pixels may have another class, where two logits are as good as the same. */
const undecided = 1000;

function compareHistogram(expected: readonly number[], logits: Float32Array, checks: Checks): void {
  const classes = expected.length;
  const histogram = new Array<number>(classes).fill(0);
  for (let start = 0; start < logits.length; start += classes) {
    const pixel = logits.subarray(start, start + classes);
    histogram[pixel.indexOf(Math.max(...pixel))]! += 1;
  }
  const moved = histogram.reduce((sum, count, index) => sum + Math.abs(count - expected[index]!), 0) / 2;
  if (moved <= Math.ceil(logits.length / classes / undecided)) return;
  checks.problem(`The classes have ${histogram.join(', ')} pixels; TensorFlow's have ${expected.join(', ')}.`);
}

async function run(
  oracle: SegmentationOracle,
  session: TrainingSession,
  wanted: ReadonlyMap<string, Expectation>,
  movement?: Movement,
): Promise<{ measured: Map<string, Measurement>; logits: Float32Array }> {
  for (const variable of session.graph.variables) {
    const values = startOf(variable);
    if (movement) nudge(values, variable.name, movement);
    session.write(variable.name, values);
  }
  const { images, height, width, gradients } = oracle;
  const inputs = formulaBatch(images, height, width);
  const measured = new Map<string, Measurement>();
  const keep = (name: string, values: () => Float32Array) => {
    const expectation = wanted.get(name);
    if (expectation) measured.set(name, measure(values(), expectation.recorded.at));
  };
  const { loss, logits } = await session.accumulate({ inputs, masks: formulaMasks(oracle) });
  keep('logits', () => logits);
  keep('loss', () => Float32Array.of(loss));
  for (const name of Object.keys(gradients)) keep(gradientName(name), () => session.gradient(name));
  await session.update(0);
  return { measured, logits };
}

/**
 * Builds a segmenter on a backbone, all of its layers trained, and compares the logits, the loss over the labelled pixels, the
 * number of pixels that each class has and the gradients of all variables. Where rounding could explain what is beyond its
 * tolerance, `compareAll` finds that out.
 */
export async function verifySegmentation(
  oracle: SegmentationOracle,
  segmenter: Segmenter,
  backbone: Backbone,
  engine: Engine,
  where: SessionOptions,
): Promise<Verification> {
  const { classes, height, width, batch } = oracle;
  const checks = new Checks();
  const graph = segmenter.build(backbone, {
    classes,
    size: [height, width],
    dropout: 0,
    learnedUpsampling: 'all',
  });
  const shapes = new Map(graph.variables.map(({ name, shape }) => [name, shape]));
  const trainable = graph.variables.filter((variable) => variable.trainable).map(({ name }) => name);
  for (const name of trainable)
    if (!Object.hasOwn(oracle.gradients, name)) checks.problem(`${name} is trained; TensorFlow's is not.`);
  const expectations = new Map<string, Expectation>([
    ['loss', { recorded: recordNumber(oracle.loss), tolerance: tolerances.forward }],
  ]);
  const output = graph.nodes.find(({ name }) => name === graph.output)!;
  if (checks.fits('logits', [batch, ...output.shape], oracle.logits.shape))
    expectations.set('logits', { recorded: oracle.logits, tolerance: tolerances.forward });
  for (const [name, recorded] of Object.entries(oracle.gradients)) {
    if (!checks.fits(gradientName(name), shapes.get(name), recorded.shape)) continue;
    expectations.set(gradientName(name), { recorded, tolerance: tolerances.training });
  }
  const session = await engine.openTraining(graph, { trainable, optimizer: idle }, where);
  try {
    const gradients = graph.variables.map(({ name }) => gradientName(name));
    await compareAll(expectations, gradients, checks, async (wanted, movement) => {
      const { measured, logits } = await run(oracle, session, wanted, movement);
      if (!movement && logits.length === elementCount(oracle.logits.shape))
        compareHistogram(oracle.predicted_histogram, logits, checks);
      return measured;
    });
  } finally {
    await session.close();
  }
  return checks.result();
}
