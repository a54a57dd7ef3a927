import { type BatchNormNode, elementCount, moveAverage } from '@graftjs/core';
import { statisticsNames } from '@graftjs/onnx';
import { Block, type TensorView } from './block.js';
import type { VariableStore } from './variable-store.js';

/** The statistics of the latest batch of the normalizations that use them, and what they do to the moving averages. */
export class OwnStatistics {
  readonly #store: VariableStore;
  readonly #all: ReadonlyMap<
    string,
    { readonly node: BatchNormNode; readonly mean: Block<Float32Array>; readonly variance: Block<Float32Array> }
  >;

  constructor(nodes: readonly BatchNormNode[], store: VariableStore) {
    this.#store = store;
    const room = ({ shape }: BatchNormNode) => new Block(new Float32Array(shape.at(-1)!));
    this.#all = new Map(nodes.map((node) => [node.name, { node, mean: room(node), variance: room(node) }]));
  }

  /** Where they are, by the names that they have in ONNX graphs. */
  views(nodes: Iterable<string>): Record<string, TensorView> {
    const views: Record<string, TensorView> = {};
    for (const name of nodes) {
      const { node, mean, variance } = this.#all.get(name)!;
      const names = statisticsNames(name);
      const dims = [node.shape.at(-1)!];
      views[names.mean] = { block: mean, from: 0, dims };
      views[names.variance] = { block: variance, from: 0, dims };
    }
    return views;
  }

  /** Moves the moving averages, as Slim's update operations do with each step. */
  move(examples: number): void {
    for (const { node, mean, variance } of this.#all.values()) {
      const { movingMean, movingVariance, shape, decay } = node;
      const values = examples * elementCount(shape.slice(0, -1));
      // One value alone has no variance that could be corrected.
      const correction = values / Math.max(1, values - 1);
      moveAverage(this.#store.array(movingMean), mean.array, decay);
      moveAverage(this.#store.array(movingVariance), variance.array, decay, correction);
      this.#store.changed(movingMean);
      this.#store.changed(movingVariance);
    }
  }
}
