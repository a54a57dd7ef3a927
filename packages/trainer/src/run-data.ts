import {
  type Container,
  DATASET,
  DataError,
  type Dataset,
  type MaskDataset,
  type MaskSplit,
  type OpenDataset,
  RunError,
  resolve,
  type Split,
  UsageError,
} from '@graftjs/core';
import { limitSplit } from './batches.js';
import { checkSplit } from './check-inputs.js';
import type { RunConfig } from './run-config.js';

interface Splits<S extends Split | MaskSplit> {
  readonly splits: Readonly<Record<string, S>> & { readonly train: S; readonly test: S };
}

/** A run's data set where images have a class each: `train` and `test` are those of the run. */
export type ClassifiedData = OpenDataset & Splits<Split> & { readonly target: 'classes' };

/** The same where they have a mask each. */
export type MaskedData = OpenDataset<MaskSplit> & Splits<MaskSplit> & { readonly target: 'masks' };

/** The data set of a run. */
export type RunData = ClassifiedData | MaskedData;

/** The data set of that name, whose images have a class each; one with masks is a `UsageError` `usage/target`. */
export function findDataset(name: string, container: Container): Dataset {
  const dataset = resolve(container, DATASET, name);
  if (dataset.target !== 'masks') return dataset;
  throw new UsageError(
    'usage/target',
    `The data set ${name} tells the class of every pixel, and a classifier is trained on one class an image. ` +
      'Choose a data set such as folder, or a network for segmentation such as fcn_8s.',
    { details: { dataset: name, target: dataset.target } },
  );
}

/** The same for images with masks. */
function findMaskDataset(name: string, container: Container): MaskDataset {
  const dataset = resolve(container, DATASET, name);
  if (dataset.target === 'masks') return dataset;
  throw new UsageError(
    'usage/target',
    `The data set ${name} tells one class an image, and a network for segmentation is trained on the class of every pixel. ` +
      'Choose a data set such as voc, or a classifier such as vgg_16.',
    { details: { dataset: name, target: 'classes' } },
  );
}

function part<S extends Split | MaskSplit>(
  dataset: Pick<OpenDataset, 'classes'> & { readonly splits: Readonly<Record<string, S>> },
  config: RunConfig['dataset'],
  name: 'train' | 'test',
): S {
  const split = dataset.splits[name];
  if (!split) {
    const accepted = Object.keys(dataset.splits).join(', ');
    throw new DataError('data/no-split', `The data set ${config.name} has no split '${name}'. It has: ${accepted}.`);
  }
  checkSplit(`The split '${name}' of ${config.folder}`, split, dataset.classes);
  return limitSplit(split, name === 'train' ? config.limitTrain : config.limitTest, config.seed);
}

async function openWith<S extends Split | MaskSplit>(
  dataset: OpenDataset<S>,
  config: RunConfig['dataset'],
): Promise<OpenDataset<S> & Splits<S>> {
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

/**
 * Opens a run's data set: with its seed, and `train` and `test` cut to its limits.
 * @throws DataError for a split that is missing or empty, or a label that is no class; UsageError `usage/target` for one
 * with masks
 */
export async function openClassifiedData(config: RunConfig['dataset'], container: Container): Promise<ClassifiedData> {
  const { name, folder, seed, corrupt } = config;
  const dataset = await findDataset(name, container).open({ folder, seed, corrupt });
  return { ...(await openWith(dataset, config)), target: 'classes' };
}

/** The same for images with masks; UsageError `usage/target` for a data set without. */
export async function openMaskedData(config: RunConfig['dataset'], container: Container): Promise<MaskedData> {
  const { name, folder, seed, corrupt } = config;
  const dataset = await findMaskDataset(name, container).open({ folder, seed, corrupt });
  return { ...(await openWith(dataset, config)), target: 'masks' };
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
