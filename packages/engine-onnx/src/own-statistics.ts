import { type BatchNormNode, elementCount, moveAverage } from '@graftjs/core';
import type { TrainedVariables } from '@graftjs/core/engine-kit';
import { batchExamples, batchValueNames, type JoinGraph, pieceShares } from '@graftjs/onnx';
import { Block, type TensorView } from './block.js';
import type { Run } from './executor.js';
import { type SessionParts, variableFeeds } from './session-parts.js';
import type { StepGraph } from './step-graphs.js';

type Views = Record<string, TensorView>;

/** The first and the last example of a piece, the latter not included. */
type Piece = readonly [from: number, to: number];

/**
 * What is found over a batch for the normalizations that use its own statistics: the pieces of a stage give their parts, a row
 * each, and once all have run, a graph joins these.
 */
export class OwnStatistics {
  readonly #parts: SessionParts;
  readonly #nodes: readonly BatchNormNode[];
  readonly #models = new Map<JoinGraph, number>();
  /** Where the values of the batch are, by their names, and how many channels they have. */
  readonly #places = new Map<string, { readonly from: number; readonly channels: number }>();
  readonly #values: Block<Float32Array>;
  /** Those of the pieces of a stage. */
  #rows = new Block(new Float32Array());

  constructor(parts: SessionParts, nodes: readonly BatchNormNode[]) {
    this.#parts = parts;
    this.#nodes = nodes;
    let size = 0;
    for (const { name, shape } of nodes) {
      const channels = shape.at(-1)!;
      for (const value of Object.values(batchValueNames(name))) {
        this.#places.set(value, { from: size, channels });
        size += channels;
      }
    }
    this.#values = new Block(new Float32Array(size));
  }

  /** Has the executor load what joins the parts of these steps. */
  async load(steps: readonly StepGraph[]): Promise<void> {
    const { executor, graph, options } = this.#parts;
    for (const { join } of steps)
      if (join)
        this.#models.set(join, await executor.load(join.bytes, `the batch statistics of ${graph.name}`, options));
  }

  async close(): Promise<void> {
    for (const model of this.#models.values()) await this.#parts.executor.release(model);
  }

  #view(name: string): TensorView {
    const { from, channels } = this.#places.get(name)!;
    return { block: this.#values, from, dims: [channels] };
  }

  #views(names: Iterable<string>): Views {
    return Object.fromEntries(Array.from(names, (name) => [name, this.#view(name)]));
  }

  /** What a graph takes of the batch. */
  feeds({ batchValues }: StepGraph): Views {
    return this.#views(batchValues);
  }

  /** Where one of so many pieces writes its parts, by the names that the graph gives them. */
  fetches({ join }: StepGraph, index: number, pieces: number): Views {
    if (!join) return {};
    const views = Object.entries(this.#rowsOf(join, pieces)).map(
      ([
        name,
        {
          block,
          from,
          dims: [, channels],
        },
      ]) => {
        return [name, { block, from: from + index * channels!, dims: [channels!] }];
      },
    );
    return Object.fromEntries(views);
  }

  #rowsOf(join: JoinGraph, pieces: number): Views {
    const size = pieces * [...join.pieces.values()].reduce((sum, channels) => sum + channels, 0);
    if (this.#rows.array.length < size) this.#rows = new Block(new Float32Array(size));
    let from = 0;
    const views: Views = {};
    for (const [name, channels] of join.pieces) {
      views[name] = { block: this.#rows, from, dims: [pieces, channels] };
      from += pieces * channels;
    }
    return views;
  }

  /** The run that joins what these pieces of the batch have given, if the graph gives something. */
  join({ join }: StepGraph, pieces: readonly Piece[]): Run[] {
    if (!join) return [];
    const examples = pieces.at(-1)![1];
    const shares = Float32Array.from(pieces, ([from, to]) => (to - from) / examples);
    const feeds = {
      ...this.#rowsOf(join, pieces.length),
      ...this.#views(join.takes),
      ...variableFeeds(this.#parts, { variables: join.variables, arrangements: new Map() }),
      [pieceShares]: { block: new Block(shares), from: 0, dims: [pieces.length, 1] },
      [batchExamples]: { block: new Block(Float32Array.of(examples)), from: 0, dims: [] },
    };
    return [{ model: this.#models.get(join)!, feeds, fetches: this.#views(join.gives) }];
  }

  /**
   * Ends a batch: adds to the gradients of trained betas and gammas, and moves the moving averages, as Slim's update operations
   * do with each step.
   */
  end(examples: number, variables: TrainedVariables): void {
    const { store } = this.#parts;
    const value = (name: string) => {
      const { from, channels } = this.#places.get(name)!;
      return this.#values.array.subarray(from, from + channels);
    };
    for (const { name, gamma, beta, movingMean, movingVariance, shape, decay } of this.#nodes) {
      const { mean, variance, sum, product } = batchValueNames(name);
      const values = examples * elementCount(shape.slice(0, -1));
      variables.addGradient(beta, value(sum));
      if (gamma !== undefined) variables.addGradient(gamma, value(product));
      moveAverage(store.array(movingMean), value(mean), decay);
      // One value alone has no variance that could be corrected.
      moveAverage(store.array(movingVariance), value(variance), decay, values / Math.max(1, values - 1));
      store.changed(movingMean);
      store.changed(movingVariance);
    }
  }
}
