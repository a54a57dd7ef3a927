import { ExportError, type Graph, type Node, type ValueRange } from '@graftjs/core';
import { elementType, type GraphWriter } from '@graftjs/onnx';
import type { WritablePrecision } from './export-precision.js';
import { largestFloat16, toFloat16 } from './float16.js';
import { foldBatchNorm, foldedGraph } from './fold-batch-norm.js';
import { keptValues } from './kept-values.js';

const halved = (writer: GraphWriter, value: string) => writer.onnx.add('Cast', [value], { to: elementType.float16 });
const widened = (writer: GraphWriter, value: string) => writer.onnx.add('Cast', [value], { to: elementType.float32 });

/** Operations that are done in float32: one adds up squares, the other joins values to zeros of that type. */
const inFloat32 = new Set<Node['op']>(['lrn', 'pad']);

function refuse(what: string, value: number): never {
  throw new ExportError(
    'export/overflow',
    `${what} ${value}, and float16 ends at ${largestFloat16}. Export this network as float32.`,
    { details: { received: value, accepted: largestFloat16 } },
  );
}

function checkRanges(graph: Graph, ranges: ReadonlyMap<string, ValueRange>): void {
  for (const name of keptValues(graph)) {
    const { min, max } = ranges.get(name)!;
    const largest = -min > max ? min : max;
    if (Math.abs(largest) > largestFloat16) refuse(`${name} becomes as large as`, largest);
  }
}

/**
 * Weights and values in float16, half the size. Images are normalized in float32, and the probabilities come out in it.
 * Batch normalization is folded first: variances need more range than float16 has.
 */
export const float16: WritablePrecision = {
  name: 'float16',
  description: 'half the size; for runtimes that compute in float16, such as those on GPUs',
  tolerance: 0.03,
  ranged: (graph) => keptValues(foldedGraph(graph)),
  prepare: foldBatchNorm,
  async start({ graph, weights, ranges }) {
    checkRanges(graph, ranges);
    return {
      variable({ onnx }, name, dims) {
        const tensor = weights.tensor(name, 'float16', dims, ({ values }) =>
          toFloat16(values, (value) => refuse(`${name} holds`, value)),
        );
        return onnx.tensor(tensor);
      },
      node(writer, node) {
        if (!inFloat32.has(node.op)) {
          writer.write([node]);
          if (node.op === 'normalize') writer.set(node.name, halved(writer, writer.value(node.name)));
          return;
        }
        const [input] = node.inputs as [string];
        const value = writer.value(input);
        writer.set(input, widened(writer, value));
        writer.write([node]);
        writer.set(input, value);
        writer.set(node.name, halved(writer, writer.value(node.name)));
      },
      output: (writer) => widened(writer, writer.value(graph.output)),
    };
  },
};
