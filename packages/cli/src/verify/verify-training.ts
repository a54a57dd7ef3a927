import {
  type Backbone,
  type Batch,
  type Engine,
  elementCount,
  type Graph,
  nodesFor,
  type Optimizer,
  pick,
  type SessionOptions,
  selectScopes,
  type TrainingSession,
  trainingNodes,
  variablesOf,
} from '@graftjs/core';
import { formulaVariable } from '@graftjs/core/testing';
import { optimizers } from '@graftjs/trainer';
import { buildNormalized } from './build-normalized.js';
import { compareAll, type Expectation, gradientName, recordNumber } from './compare-all.js';
import { formulaBatch } from './formula-batch.js';
import { type Measurement, measure, scaleOf } from './measurement.js';
import { type Movement, nudge } from './nudge.js';
import type { TrainingOracle } from './oracle.js';
import { Checks, tolerances, type Verification } from './verification.js';

const lossName = (steps: number) => `loss after ${steps} steps`;
const totalLossName = (steps: number) => `loss with weight decay after ${steps} steps`;

/** Everything that the file has, by the names under which it is reported. */
/** Gradients by biases that are smaller than those by the weights beside them by this factor are rounding alone. */
const nothing = 1e-5;

/**
 * The scale of the gradient by biases that is 0 but for rounding, as a normalization takes their mean away: that by the weights
 * beside them. The smallest of others are some thousandths of that; these are some millionths at most.
 */
function scaleBeside(name: string, gradients: TrainingOracle['gradients_of_total_loss']): number | undefined {
  const weights = name.endsWith('/biases') ? gradients[name.replace(/biases$/, 'weights')] : undefined;
  return weights && scaleOf(gradients[name]!) < nothing * scaleOf(weights) ? scaleOf(weights) : undefined;
}

function expectationsOf(oracle: TrainingOracle): Map<string, Expectation> {
  const losses = oracle.losses.values.flatMap(([crossEntropy, total], steps): [string, Expectation][] => {
    // Later losses are as exact as the trained variables that they come from.
    const tolerance = steps === 0 ? tolerances.forward : tolerances.training;
    return [
      [lossName(steps), { recorded: recordNumber(crossEntropy), tolerance }],
      [totalLossName(steps), { recorded: recordNumber(total), tolerance }],
    ];
  });
  const found = oracle.gradients_of_total_loss;
  const scales = new Map(Object.keys(found).map((name) => [name, scaleBeside(name, found)]));
  const gradients = Object.entries(found).map(([name, recorded]): [string, Expectation] => {
    const scale = scales.get(name);
    return [gradientName(name), { recorded, tolerance: tolerances.training, ...(scale !== undefined && { scale }) }];
  });
  const variables = Object.entries(oracle.variables_after).flatMap(([name, recorded]): [string, Expectation][] => {
    // Where the gradient is rounding alone, so is what an optimizer makes of it that divides by its size.
    return scales.get(name) === undefined ? [[name, { recorded, tolerance: tolerances.training }]] : [];
  });
  return new Map([...losses, ...gradients, ...variables]);
}

/** The training that a file describes, to be run any number of times. */
class Training {
  readonly #oracle: TrainingOracle;
  readonly #session: TrainingSession;
  readonly #slots: ReadonlyMap<string, number>;
  readonly #batch: Batch;

  constructor(oracle: TrainingOracle, session: TrainingSession, trainable: readonly string[], optimizer: Optimizer) {
    this.#oracle = oracle;
    this.#session = session;
    this.#batch = {
      inputs: formulaBatch(oracle.images, oracle.size, oracle.size),
      labels: Int32Array.from(oracle.labels),
    };
    this.#slots = new Map(
      trainable.flatMap((variable) => optimizer.slots.map(({ name, initial }) => [`${variable}/${name}`, initial])),
    );
  }

  /** Sets everything that the session keeps: slots to their initial values, all else to the formula's, nudged if asked. */
  #start(movement: Movement | undefined): void {
    for (const [name, shape] of this.#session.variables) {
      const initial = this.#slots.get(name);
      const values =
        initial === undefined ? formulaVariable(name, shape) : new Float32Array(elementCount(shape)).fill(initial);
      if (initial === undefined && movement) nudge(values, name, movement);
      this.#session.write(name, values);
    }
  }

  /**
   * Trains from the start and measures what is wanted.
   * @param wanted by the names under which it is reported
   * @param movement for rounding: what the variables start with
   */
  async run(wanted: ReadonlyMap<string, Expectation>, movement?: Movement): Promise<Map<string, Measurement>> {
    const measured = new Map<string, Measurement>();
    const keep = (name: string, read: () => Float32Array) => {
      const expectation = wanted.get(name);
      if (expectation) measured.set(name, measure(read(), expectation.recorded.at));
    };
    const { steps, learning_rate, variables_after, gradients_of_total_loss } = this.#oracle;
    this.#start(movement);
    for (let step = 0; step <= steps && measured.size < wanted.size; step++) {
      // The last batch is there for its loss alone.
      if (step === steps) for (const name of Object.keys(variables_after)) keep(name, () => this.#session.read(name));
      const { loss, auxiliaryLoss } = await this.#session.accumulate(this.#batch);
      keep(lossName(step), () => Float32Array.of(loss));
      keep(totalLossName(step), () => Float32Array.of(loss + auxiliaryLoss + this.#session.decayLoss()));
      if (step === 0) {
        for (const name of Object.keys(gradients_of_total_loss)) {
          keep(gradientName(name), () => this.#session.gradient(name));
        }
      }
      await this.#session.update(learning_rate);
    }
    return measured;
  }
}

/** The variables that nothing but auxiliary outputs depends on. */
function auxiliaryVariables(graph: Graph): Set<string> {
  const own = new Set(nodesFor(graph, [graph.output]).flatMap(variablesOf));
  return new Set(
    trainingNodes(graph)
      .flatMap(variablesOf)
      .filter((name) => !own.has(name)),
  );
}

/** Leaves out what the network does not have, or has in another shape, and says so. */
function checkNames(
  oracle: TrainingOracle,
  expectations: Map<string, Expectation>,
  session: TrainingSession,
  trainable: readonly string[],
  checks: Checks,
): void {
  for (const name of trainable) {
    if (Object.hasOwn(oracle.gradients_of_total_loss, name)) continue;
    checks.problem(`${name} is trained; TensorFlow's is not.`);
  }
  for (const name of Object.keys(oracle.gradients_of_total_loss)) {
    const expectation = expectations.get(gradientName(name))!;
    const shape = trainable.includes(name) ? session.variables.get(name) : undefined;
    if (checks.fits(gradientName(name), shape, expectation.recorded.shape)) continue;
    expectations.delete(gradientName(name));
  }
  for (const [name, { shape }] of Object.entries(oracle.variables_after)) {
    if (!checks.fits(name, session.variables.get(name), shape)) expectations.delete(name);
  }
}

/**
 * Builds a network, trains it for as many steps as the file says, and compares the losses before each step and after the
 * last, the gradient of the total loss at the first step, and every variable at the end.
 *
 * Auxiliary outputs are computed in any case; their losses count as much as the file says.
 *
 * Batch normalizations use the batch's own statistics, in frozen layers too: Slim's `is_training=True`.
 *
 * Everything that a training session keeps starts with the formula's value, an optimizer's scalars too; its slots start
 * at their initial values.
 * Where rounding could explain what is beyond its tolerance, `compareAll` finds that out.
 */
export async function verifyTraining(
  oracle: TrainingOracle,
  backbone: Backbone,
  engine: Engine,
  where: SessionOptions,
): Promise<Verification> {
  const { dropout_keep_prob: keep, trainable_scopes: scopes, weight_decay: weightDecay } = oracle;
  const built = buildNormalized(backbone, oracle, { dropout: 1 - keep });
  const weight = oracle.auxiliary_weight;
  const graph: Graph = { ...built, auxiliary: built.auxiliary.map(({ output }) => ({ output, weight })) };
  // TensorFlow has no gradient of what takes no part in the loss.
  const idle = weight === 0 ? auxiliaryVariables(graph) : new Set<string>();
  const candidates = graph.variables.filter(
    ({ name, trainable }) => trainable && (!idle.has(name) || Object.hasOwn(oracle.gradients_of_total_loss, name)),
  );
  const trainable = (scopes ? selectScopes(candidates, scopes) : candidates).map(({ name }) => name);
  const optimizer = pick('optimizer', oracle.optimizer, optimizers)();

  const checks = new Checks();
  const session = await engine.openTraining(
    graph,
    { trainable, optimizer, weightDecay, batchStatistics: 'all' },
    where,
  );
  try {
    const expectations = expectationsOf(oracle);
    checkNames(oracle, expectations, session, trainable, checks);
    const training = new Training(oracle, session, trainable, optimizer);
    const gradients = graph.variables.map(({ name }) => gradientName(name));
    await compareAll(expectations, gradients, checks, (wanted, movement) => training.run(wanted, movement));
  } finally {
    await session.close();
  }
  return checks.result();
}
