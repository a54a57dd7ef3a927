import type { ExportPrecision, Graph, Node, TrainedNetwork, ValueRange } from '@graftjs/core';
import type { GraphWriter } from '@graftjs/onnx';
import type { NetworkWeights } from './network-weights.js';

/** What a precision has to write a graph with. */
export interface PrecisionParts {
  readonly graph: Graph;
  readonly weights: NetworkWeights;
  /** Of the nodes that it asked for. */
  readonly ranges: ReadonlyMap<string, ValueRange>;
}

/** How the graph is written in a precision. */
export interface PrecisionWriter {
  /** The ONNX value that stands for a variable. */
  variable(writer: GraphWriter, name: string, dims: readonly number[]): string;
  /** Writes a node. */
  node(writer: GraphWriter, node: Node): void;
  /** The ONNX value of the graph's output, in float32. */
  output(writer: GraphWriter): string;
}

/** A precision, and how it is written. */
export interface WritablePrecision extends ExportPrecision {
  /** What is written instead of the network. Default: the network. */
  prepare?(network: TrainedNetwork): Promise<TrainedNetwork>;
  start(parts: PrecisionParts): Promise<PrecisionWriter>;
}
