import {
  ExportError,
  formatShape,
  type Graph,
  nodesFor,
  type Shape,
  type TrainedNetwork,
  type ValueRange,
} from '@graftjs/core';
import { elementType, GraphWriter, Layouts, type OnnxGraph } from '@graftjs/onnx';
import type { WritablePrecision } from './export-precision.js';
import { NetworkWeights } from './network-weights.js';

function refuse(graph: Graph, what: string): never {
  throw new ExportError('export/unsupported', `${graph.name} ${what}`, { details: { graph: graph.name } });
}

/** The part of a graph that its output needs. */
function forwardGraph(graph: Graph): Graph {
  const { input } = graph;
  if (input.dtype !== 'uint8' || input.shape.length !== 3) {
    refuse(graph, `takes ${input.dtype} of ${formatShape(input.shape)}; what can be exported takes images of bytes.`);
  }
  return { ...graph, nodes: nodesFor(graph, [graph.output]) };
}

/** Of equal logits the lower class counts. */
function writeMask({ onnx }: GraphWriter, [height, width]: Shape, output: string): void {
  const classes = onnx.add('ArgMax', [output], { axis: 1, keepdims: 0 });
  const mask = onnx.add('Cast', [classes], { to: elementType.uint8 });
  const description = 'For each image the class of each pixel, row by row from the top left: an index into the labels.';
  onnx.output(mask, 'mask', 'uint8', ['N', height!, width!], description);
}

/** What the graph's output becomes for users of the file: of logits, probabilities; of logits of pixels, their classes. */
function writeResult(writer: GraphWriter, graph: Graph, output: string): void {
  const { onnx } = writer;
  const shape = writer.shape(graph.output);
  if (shape.length === 3) {
    writeMask(writer, shape, output);
    return;
  }
  if (shape.length !== 1) {
    refuse(
      graph,
      `gives ${formatShape(shape)} an image; what can be exported gives a logit for each class, or for each class and pixel.`,
    );
  }
  const result = onnx.add('Softmax', [output], { axis: 1 });
  const description = 'For each image the probability of each class, in the order of the labels; they add up to 1.';
  onnx.output(result, 'probabilities', 'float32', ['N', shape[0]!], description);
}

/**
 * Writes a network with its weights: images in, probabilities or masks out.
 * @throws ExportError `export/unsupported`, `export/not-finite`, and what the precision throws
 */
export async function writeNetwork(
  network: TrainedNetwork,
  precision: WritablePrecision,
  ranges: ReadonlyMap<string, ValueRange>,
): Promise<OnnxGraph> {
  const forward = { ...network, graph: forwardGraph(network.graph) };
  const prepared = (await precision.prepare?.(forward)) ?? forward;
  const { graph } = prepared;
  const layouts = new Layouts(graph);
  const numbers = await precision.start({ graph, weights: new NetworkWeights(prepared, layouts), ranges });
  const weights = (name: string, dims: readonly number[]): string => numbers.variable(writer, name, dims);
  const writer = new GraphWriter(graph, layouts, { dropsOut: false, weights });
  const [height, width, channels] = graph.input.shape;
  const description =
    `Any number of images of ${height} x ${width} pixels with ${channels} channels (red, green, blue), bytes from 0 to 255, ` +
    'row by row from the top left. How an image becomes one of these is in the metadata, under preprocessing.';
  const images = writer.onnx.input(graph.input.name, 'uint8', ['N', ...graph.input.shape], description);
  writer.set(graph.input.name, writer.onnx.add('Transpose', [images], { perm: [0, 3, 1, 2] }));
  for (const node of graph.nodes) numbers.node(writer, node);
  writeResult(writer, graph, numbers.output(writer));
  return writer.onnx;
}
