import { type BatchNormNode, elementCount, moveAverage } from '@graftjs/core';
import type { TrainedVariables, VariableStore } from '@graftjs/core/engine-kit';
import { nameSoFar, statisticsNames } from '@graftjs/onnx';
import { Block, type TensorView } from './block.js';
import { type StepGraph, stepNames } from './step-graphs.js';

interface OwnStatistic {
  readonly node: BatchNormNode;
  readonly mean: Block<Float32Array>;
  /** Sums of squared differences from the mean. */
  readonly squares: Block<Float32Array>;
  /** The gradients of beta and of gamma. */
  readonly sum: Block<Float32Array>;
  readonly product: Block<Float32Array>;
}

/** What is summed up over a batch for the normalizations that use its own statistics. */
export class OwnStatistics {
  readonly #store: VariableStore;
  readonly #all: ReadonlyMap<string, OwnStatistic>;

  constructor(nodes: readonly BatchNormNode[], store: VariableStore) {
    this.#store = store;
    const parts = (node: BatchNormNode): OwnStatistic => {
      const room = () => new Block(new Float32Array(node.shape.at(-1)!));
      return { node, mean: room(), squares: room(), sum: room(), product: room() };
    };
    this.#all = new Map(nodes.map((node) => [node.name, parts(node)]));
  }

  /** Forgets the batch before. */
  begin(): void {
    for (const { mean, squares, sum, product } of this.#all.values())
      for (const { array } of [mean, squares, sum, product]) array.fill(0);
  }

  /** What a graph takes and gives of it, by the names that it has there. */
  views({ statistics, sums }: StepGraph): { feeds: Record<string, TensorView>; fetches: Record<string, TensorView> } {
    const feeds: Record<string, TensorView> = {};
    const fetches: Record<string, TensorView> = {};
    const view = (block: Block): TensorView => ({ block, from: 0, dims: [block.array.length] });
    const add = (name: string, block: Block) => {
      feeds[nameSoFar(name)] = view(block);
      fetches[name] = view(block);
    };
    for (const name of statistics.takes) {
      const { mean, squares } = this.#all.get(name)!;
      const names = statisticsNames(name);
      Object.assign(feeds, { [names.mean]: view(mean), [names.squares]: view(squares) });
    }
    for (const name of statistics.gives) {
      const { mean, squares } = this.#all.get(name)!;
      const names = statisticsNames(name);
      add(names.mean, mean);
      add(names.squares, squares);
    }
    for (const name of sums.takes) {
      const { sum, product } = this.#all.get(name)!;
      const names = stepNames.sums(name);
      Object.assign(feeds, { [names.sum]: view(sum), [names.product]: view(product) });
    }
    for (const name of sums.gives) {
      const { sum, product } = this.#all.get(name)!;
      const names = stepNames.sums(name);
      add(names.sum, sum);
      add(names.product, product);
    }
    return { feeds, fetches };
  }

  /**
   * Ends a batch: adds to the gradients of trained betas and gammas, and moves the moving averages, as Slim's update operations
   * do with each step.
   */
  end(examples: number, variables: TrainedVariables): void {
    for (const { node, mean, squares, sum, product } of this.#all.values()) {
      const { gamma, beta, movingMean, movingVariance, shape, decay } = node;
      const values = examples * elementCount(shape.slice(0, -1));
      variables.addGradient(beta, sum.array);
      if (gamma !== undefined) variables.addGradient(gamma, product.array);
      moveAverage(this.#store.array(movingMean), mean.array, decay);
      // One value alone has no variance that could be corrected.
      moveAverage(this.#store.array(movingVariance), squares.array, decay, 1 / Math.max(1, values - 1));
      this.#store.changed(movingMean);
      this.#store.changed(movingVariance);
    }
  }
}
