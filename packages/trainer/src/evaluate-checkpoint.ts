import {
  BACKBONE,
  type Container,
  DOWNLOAD,
  ENGINE,
  type FileSystem,
  nodesFor,
  type Pretrained,
  pick,
  registry,
  resolve,
  type Split,
  UsageError,
  variablesOf,
  withNormalization,
} from '@graftjs/core';
import { limitSplit } from './batches.js';
import { checkSplit, imageSize } from './check-inputs.js';
import { closingAll } from './closing-all.js';
import { evaluate } from './evaluate.js';
import type { RunEvent } from './events.js';
import type { ImageWorkers } from './image-workers.js';
import { mapClasses } from './map-classes.js';
import type { Evaluation } from './metrics.js';
import { createPreprocessing } from './preprocessing/create-preprocessing.js';
import { restoreVariables } from './restore.js';
import { type CheckpointConfig, type CheckpointConfigInput, parseCheckpointConfig } from './run-config.js';
import { findDataset } from './run-data.js';
import { buildGraph } from './run-model.js';
import { openStartingWeights } from './starting-weights.js';

/** What an evaluation needs of its surroundings. */
export interface EvaluateCheckpointOptions {
  readonly files: FileSystem;
  /** See `BatchOptions`. */
  readonly workers?: number | ImageWorkers;
  /** Ends it before the next batch, with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called with what is taken of the checkpoint, before it is done. */
  readonly onRestored?: (event: RunEvent & { readonly type: 'restored' }) => void;
  /** Called after each batch. */
  readonly onProgress?: (done: number, count: number) => void;
}

/** How well a checkpoint does. */
export interface CheckpointEvaluation extends Evaluation {
  readonly split: string;
  /** What is published of the network as it is, where the data set has the classes that it was trained for. */
  readonly published?: Pretrained['accuracy'];
}

/** What is known of the published checkpoint of a config's model, or of the one that the config names. */
function findPretrained({ model, pretrained: name }: CheckpointConfig, container: Container): Pretrained | undefined {
  const published = [...registry(container, DOWNLOAD).values()].map(({ pretrained }) => pretrained);
  if (name === undefined) return published.find((one) => one?.model === model.name);
  const { pretrained } = resolve(container, DOWNLOAD, name);
  if (pretrained?.model === model.name) return pretrained;
  throw new UsageError(
    'usage/pretrained',
    `${name} is ${pretrained ? `a checkpoint of ${pretrained.model}` : 'no checkpoint'}, and the network is ${model.name}. ` +
      'Choose the network that it is of.',
    { details: { name, received: pretrained?.model, accepted: model.name } },
  );
}

/** A split whose labels are the outputs that stand for its classes. */
const relabelled = (split: Split, outputs: Int32Array): Split => ({
  labels: split.labels.map((label) => outputs[label]!),
  id: (index) => split.id(index),
  read: (index) => split.read(index),
  ...(split.module && { module: split.module }),
});

/** The network of a config before it has weights, and what it is to be fed. */
function prepareNetwork(config: CheckpointConfig, container: Container) {
  const backbone = resolve(container, BACKBONE, config.model.name);
  const pretrained = findPretrained(config, container);
  const { size, classes } = pretrained ?? backbone.defaults;
  const model = { size, classes, ...config.model };
  const name = config.preprocessing ?? pretrained?.preprocessing ?? backbone.preprocessing;
  const { head = backbone.heads[0], width = 1 } = model;
  return {
    model,
    pretrained,
    isWhole: head === backbone.heads[0] && width === 1,
    preprocessing: createPreprocessing([name]),
  };
}

/**
 * Evaluates a network with the weights of a checkpoint, of any format and by anyone's names, on a data set. What is not said
 * is as the network was published: the size of its images, its outputs, its preprocessing, and which of the outputs stands for
 * which class (see `mapClasses`).
 * @throws UsageError, PluginError, DataError, CheckpointError, EngineError by what is wrong; RunError as `evaluate`
 */
export function evaluateCheckpoint(
  input: CheckpointConfigInput,
  container: Container,
  { files, onRestored, ...evaluating }: EvaluateCheckpointOptions,
): Promise<CheckpointEvaluation> {
  return closingAll(async (closing) => {
    const config = parseCheckpointConfig(input);
    const { batchSize, checkpoint, dataset } = config;
    const engine = resolve(container, ENGINE, config.engine.name);
    const { model, pretrained, isWhole, preprocessing } = prepareNetwork(config, container);
    const own = buildGraph({ model }, container);
    imageSize(own);

    const { folder, split: wanted = 'all' } = dataset;
    const data = await findDataset(dataset.name, container).open({ folder, whole: wanted === 'all' });
    closing.push(() => data.close());
    const name = dataset.split ?? ('all' in data.splits ? 'all' : 'test');
    const split = pick<Split>('split of the data set', name, { ...data.splits });
    checkSplit(`The split '${name}' of ${folder}`, split, data.classes);
    const { names, outputs, isPublished } = mapClasses(model.name, model.classes, data.classes, pretrained);

    const read = new Set(nodesFor(own, [own.output]).flatMap(variablesOf));
    const exclude = own.variables.filter((variable) => !read.has(variable.name)).map((variable) => variable.name);
    const selection = { ...checkpoint, exclude, ignoreMissing: false };
    const weights = await openStartingWeights({ model, checkpoint: selection }, own, container, files);
    const { reader, ...taken } = weights;
    closing.push(() => reader.close());
    onRestored?.({ type: 'restored', path: checkpoint.path, ...taken });
    const graph = taken.normalization ? withNormalization(own, taken.normalization) : own;
    const { device } = config.engine;
    const session = await engine.open(graph, device === undefined ? {} : { device });
    closing.push(() => session.close());
    await restoreVariables(session, reader, read);
    const images = relabelled(limitSplit(split, dataset.limit, 0), outputs);
    const result = await evaluate(session, images, names, { preprocessing, batchSize, ...evaluating });
    return { split: name, ...result, ...(pretrained && isPublished && isWhole && { published: pretrained.accuracy }) };
  });
}
