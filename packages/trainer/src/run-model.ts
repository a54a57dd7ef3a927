import {
  BACKBONE,
  type Container,
  type Graph,
  type PairOption,
  registry,
  resolve,
  SEGMENTER,
  UsageError,
  withNormalization,
} from '@graftjs/core';
import type { RunConfig } from './run-config.js';

type ModelConfig = RunConfig['model'];

/** What a network tells: the class of an image, or of each pixel. */
export type RunTarget = 'classes' | 'masks';

/** What can be said of the one kind of network and not of the other. */
const ofClassifiers = ['head'] as const;
const ofSegmenters = ['backbone', 'denseChannels', 'learnedUpsampling', 'scaledSkips'] as const;

/** What the network of that name tells. */
export function targetOf({ name }: Pick<ModelConfig, 'name'>, container: Container): RunTarget {
  if (registry(container, SEGMENTER).has(name)) return 'masks';
  // For its error.
  resolve(container, BACKBONE, name);
  return 'classes';
}

/** The name of the backbone of a model: its own, or what it is built on. */
export const backboneOf = ({ name, backbone = name }: Pick<ModelConfig, 'name' | 'backbone'>): string => backbone;

/**
 * The model of a config with what was left to the network filled in, so that the record says all.
 * @param classes how many the data set has
 * @throws UsageError `usage/classes`, and `usage/model` for an option that its kind of network does not have
 */
export function resolveModel(config: RunConfig, container: Container, classes: number): ModelConfig {
  const { model, dataset } = config;
  if (model.classes !== undefined && model.classes !== classes) {
    throw new UsageError(
      'usage/classes',
      `The network is to have ${model.classes} classes, and the data set ${dataset.name} has ${classes}. ` +
        'Leave the number out, or choose the data set that it is for.',
      { details: { received: model.classes, accepted: classes } },
    );
  }
  const isSegmenter = targetOf(model, container) === 'masks';
  const wrong = (isSegmenter ? ofClassifiers : ofSegmenters).filter((option) => model[option] !== undefined);
  if (wrong.length > 0) {
    throw new UsageError(
      'usage/model',
      `${model.name} tells the class of ${isSegmenter ? 'each pixel' : 'an image'}, and such a network has no ` +
        `${wrong.join(', no ')}. Leave it out, or choose another network.`,
      { details: { model: model.name, received: wrong } },
    );
  }
  if (!isSegmenter) {
    const { heads, defaults } = resolve(container, BACKBONE, model.name);
    return { ...(heads[0] !== undefined && { head: heads[0] }), size: defaults.size, width: 1, ...model, classes };
  }
  const { backbone = resolve(container, SEGMENTER, model.name).backbone } = model;
  const { defaults } = resolve(container, BACKBONE, backbone);
  return { size: defaults.size, width: 1, ...model, backbone, classes };
}

/**
 * The graph of a config's model.
 * @param size another than the model's, for a segmenter
 */
export function buildGraph({ model }: Pick<RunConfig, 'model'>, container: Container, size?: PairOption): Graph {
  const { name, backbone, normalization, head, ...options } = model;
  const graph =
    backbone === undefined
      ? resolve(container, BACKBONE, name).build({ ...options, ...(head !== undefined && { head }) })
      : resolve(container, SEGMENTER, name).build(resolve(container, BACKBONE, backbone), {
          ...options,
          ...(size !== undefined && { size }),
        });
  return normalization ? withNormalization(graph, normalization) : graph;
}
