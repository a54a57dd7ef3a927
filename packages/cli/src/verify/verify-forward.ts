import { type Backbone, type Engine, type Session, type SessionOptions, summarize } from '@graftjs/core';
import { formulaVariable } from '@graftjs/core/testing';
import { buildNormalized } from './build-normalized.js';
import { formulaBatch } from './formula-batch.js';
import { measure } from './measurement.js';
import type { ForwardOracle } from './oracle.js';
import { Checks, tolerances, type Verification } from './verification.js';

/** The index of the largest of each row of `width` values. */
function argmaxOfRows(values: Float32Array, width: number): number[] {
  return Array.from({ length: values.length / width }, (_, row) => {
    const one = values.subarray(row * width, (row + 1) * width);
    return one.indexOf(Math.max(...one));
  });
}

/**
 * Builds a network, gives its variables the formula's values, runs it, and compares the variables' names, shapes and
 * count, the logits and their largest, and every end point.
 */
export async function verifyForward(
  oracle: ForwardOracle,
  backbone: Backbone,
  engine: Engine,
  where: SessionOptions,
): Promise<Verification> {
  const checks = new Checks();
  const graph = buildNormalized(backbone, oracle, {});
  const declared = graph.variables.map(({ name, shape, trainable }) => JSON.stringify([name, shape, trainable]));
  const expected = oracle.variables.map((variable) => JSON.stringify(variable));
  const differing = Array.from({ length: Math.max(declared.length, expected.length) }, (_, index) => index).find(
    (index) => declared[index] !== expected[index],
  );
  if (differing !== undefined) {
    const [ours = 'missing', theirs = 'missing'] = [declared[differing], expected[differing]];
    checks.problem(`Variable ${differing} is ${ours}; TensorFlow's is ${theirs}.`);
  }
  const { trainableParameters: parameters } = summarize(graph);
  if (parameters !== oracle.parameters) {
    checks.problem(`The network has ${parameters} trainable parameters; TensorFlow's has ${oracle.parameters}.`);
  }

  const shapes = new Map(graph.nodes.map(({ name, shape }) => [name, [oracle.batch, ...shape]]));
  const points = Object.entries(oracle.end_points).filter(([name, { shape }]) =>
    checks.fits(name, shapes.get(graph.endPoints[name] ?? ''), shape),
  );
  const session: Session = await engine.open(graph, where);
  try {
    for (const { name, shape } of graph.variables) session.write(name, formulaVariable(name, shape));
    const names = points.map(([name]) => name);
    const results = await session.predict(formulaBatch(oracle.images, oracle.size, oracle.size), oracle.batch, [
      ...names,
      graph.output,
    ]);
    for (const [name, recorded] of points) {
      checks.compare(name, recorded, measure(results.get(name)!, recorded.at), tolerances.forward);
    }
    const logits = results.get(graph.output)!;
    if (checks.fits('logits', shapes.get(graph.output), oracle.logits.shape)) {
      checks.compare('logits', oracle.logits, measure(logits, oracle.logits.at), tolerances.forward);
    }
    const argmax = argmaxOfRows(logits, oracle.classes);
    if (argmax.join() !== oracle.argmax.join()) {
      checks.problem(
        `The largest logits are those of the classes ${argmax.join(', ')}; TensorFlow's are ${oracle.argmax.join(', ')}.`,
      );
    }
  } finally {
    await session.close();
  }
  return checks.result();
}
