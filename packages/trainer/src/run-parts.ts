import {
  BACKBONE,
  type Backbone,
  type Container,
  DATASET,
  DataError,
  type Dataset,
  type Graph,
  type OpenDataset,
  RunError,
  resolve,
  type Split,
  UsageError,
  withNormalization,
} from '@graftjs/core';
import { limitSplit } from './batches.js';
import { checkSplit } from './check-inputs.js';
import type { RunConfig } from './run-config.js';

/** The model of a config with what was left to the backbone filled in, so that the record says all. */
export function resolveModel(config: RunConfig, backbone: Backbone, classes: number): RunConfig['model'] {
  const { model } = config;
  if (model.classes !== undefined && model.classes !== classes) {
    throw new UsageError(
      'usage/classes',
      `The network is to have ${model.classes} classes, and the data set ${config.dataset.name} has ${classes}. ` +
        'Leave the number out, or choose the data set that it is for.',
      { details: { received: model.classes, accepted: classes } },
    );
  }
  const { heads, defaults } = backbone;
  return { ...(heads[0] !== undefined && { head: heads[0] }), size: defaults.size, width: 1, ...model, classes };
}

/** The graph of a config's model. */
export function buildGraph(config: Pick<RunConfig, 'model'>, container: Container): Graph {
  const { name, normalization, ...options } = config.model;
  const graph = resolve(container, BACKBONE, name).build(options);
  return normalization ? withNormalization(graph, normalization) : graph;
}

function part(dataset: OpenDataset, config: RunConfig['dataset'], name: 'train' | 'test'): Split {
  const split = dataset.splits[name];
  if (!split) {
    const accepted = Object.keys(dataset.splits).join(', ');
    throw new DataError('data/no-split', `The data set ${config.name} has no split '${name}'. It has: ${accepted}.`);
  }
  checkSplit(`The split '${name}' of ${config.folder}`, split, dataset.classes);
  return limitSplit(split, name === 'train' ? config.limitTrain : config.limitTest, config.seed);
}

/** A data set whose `train` and `test` are those of a run. */
export type RunDataset = OpenDataset & { readonly splits: { readonly train: Split; readonly test: Split } };

/** The data set of that name, whose pictures have a class each; one with masks is a `UsageError` `usage/target`. */
export function findDataset(name: string, container: Container): Dataset {
  const dataset = resolve(container, DATASET, name);
  if (dataset.target !== 'masks') return dataset;
  throw new UsageError(
    'usage/target',
    `The data set ${name} tells the class of every pixel, and a classifier is trained on one class a picture. ` +
      'Choose a data set such as folder.',
    { details: { dataset: name, target: dataset.target } },
  );
}

/**
 * Opens a run's data set: with its seed, and `train` and `test` cut to its limits.
 * @throws DataError for a split that is missing or empty, or a label that is no class; UsageError `usage/target` for one
 * with masks
 */
export async function openRunData(config: RunConfig['dataset'], container: Container): Promise<RunDataset> {
  const { name, folder, seed, corrupt } = config;
  const dataset = await findDataset(name, container).open({ folder, seed, corrupt });
  try {
    const splits = {
      ...dataset.splits,
      train: part(dataset, config, 'train'),
      test: part(dataset, config, 'test'),
    };
    return { classes: dataset.classes, splits, skipped: dataset.skipped, close: () => dataset.close() };
  } catch (error) {
    await dataset.close();
    throw error;
  }
}

/** Refuses (`RunError` `run/other-classes`) a data set whose classes are not those that a run was trained for. */
export function checkSameClasses(folder: string, trained: readonly string[], found: readonly string[]): void {
  if (trained.length === found.length && trained.every((name, index) => name === found[index])) return;
  const [missing, added] = [
    trained.filter((name) => !found.includes(name)),
    found.filter((name) => !trained.includes(name)),
  ];
  const differences = [
    ...(missing.length > 0 ? [`lacks ${missing.join(', ')}`] : []),
    ...(added.length > 0 ? [`has ${added.join(', ')} besides`] : []),
  ];
  throw new RunError(
    'run/other-classes',
    `The run ${folder} was trained for ${trained.length} classes, and the data set ` +
      `${differences.join(' and ') || 'has them in another order'}. Give it the data set that it was trained on.`,
    { details: { expected: trained, received: found } },
  );
}
