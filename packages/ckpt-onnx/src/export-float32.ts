import type { WritablePrecision } from './export-precision.js';

/** The network as it was trained. What onnxruntime does by itself when it loads a file, such as folding, is left to it. */
export const float32: WritablePrecision = {
  name: 'float32',
  description: 'as trained',
  tolerance: 1e-4,
  async start({ graph, weights }) {
    return {
      variable: ({ onnx }, name, dims) => onnx.tensor(weights.tensor(name, 'float32', dims, ({ values }) => values)),
      node: (writer, node) => writer.write([node]),
      output: (writer) => writer.value(graph.output),
    };
  },
};
