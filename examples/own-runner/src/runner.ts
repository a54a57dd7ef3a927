import { BACKBONE, createContainer, ENGINE, resolve, type Split } from '@graftjs/core';
import engineOnnx from '@graftjs/engine-onnx';
import modelVgg from '@graftjs/model-vgg';
import {
  adam,
  createPreprocessing,
  createSchedule,
  evaluate,
  initialValue,
  selectTrainable,
  trainingBatches,
} from '@graftjs/trainer';
import { kappa } from './kappa.js';
import { classes } from './shapes.js';

/** One source of images: what is learned from it, and what it is tested with. */
export interface Source {
  readonly name: string;
  readonly train: Split;
  readonly test: Split;
}

/**
 * Trains one network on several sources in turn, a batch of each a step, so that none is forgotten; gives Cohen's kappa on
 * each source's test images.
 */
export async function trainOnAll(sources: readonly Source[], steps: number, seed = 1): Promise<Record<string, number>> {
  const container = createContainer([engineOnnx, modelVgg]);
  const graph = resolve(container, BACKBONE, 'vgg_a').build({
    classes: classes.length,
    size: 32,
    width: 1 / 8,
    dropout: 0,
  });
  const session = await resolve(container, ENGINE, 'onnx').openTraining(graph, {
    trainable: selectTrainable(graph, 'all'),
    optimizer: adam(),
    weightDecay: 1e-4,
  });
  for (const variable of graph.variables) session.write(variable.name, initialValue(variable, seed));

  const preprocessing = createPreprocessing(['flip']);
  const schedule = createSchedule('cosine,warmup=5', { learningRate: 1e-3, totalSteps: steps });
  const streams = sources.map(({ train }, index) =>
    trainingBatches(train, { size: 32, preprocessing, batchSize: 16, seed: seed + index, to: steps }),
  );
  for (let step = 0; step < steps; step++) {
    for (const batches of streams) {
      const { value: batch } = await batches.next();
      // Every source counts the same: a loss is a mean over its batch, and the step's the mean over the sources.
      const share = 1 / (batch!.labels.length * sources.length);
      await session.accumulate({ ...batch!, weights: new Float32Array(batch!.labels.length).fill(share) });
    }
    await session.update(schedule(step));
  }

  const results: Record<string, number> = {};
  for (const { name, test } of sources) {
    results[name] = kappa((await evaluate(session, test, classes, { preprocessing })).confusion);
  }
  await session.close();
  return results;
}
