import { type Conv2dNode, type Graph, variablesOf } from '@graftjs/core';

const isPadded1x1 = ({ padding, weights }: Conv2dNode, { variables }: Graph): boolean => {
  const [height, width] = variables.find(({ name }) => name === weights)!.shape;
  return height === 1 && width === 1 && padding.some((size) => size > 0);
};

/**
 * What of a graph onnxruntime 1.30 cannot run on WebGPU, though it takes it: it refuses to say which elements a max pooling
 * took, once it runs, and of a 1x1 convolution it overlooks some paddings. Undefined where there is nothing such.
 */
export function webgpuLimit(graph: Graph, trained: ReadonlySet<string>): string | undefined {
  const changing = new Set<string>();
  for (const node of graph.nodes) {
    const follows = node.inputs.some((name) => changing.has(name));
    if (node.op === 'maxPool' && follows) {
      return `onnxruntime has no gradient of max pooling there, which training below ${node.name} takes; what is above can be trained`;
    }
    if (node.op === 'conv2d' && isPadded1x1(node, graph)) {
      return `onnxruntime computes 1x1 convolutions with padding wrongly there, such as ${node.name}`;
    }
    if (follows || variablesOf(node).some((name) => trained.has(name))) changing.add(node.name);
  }
  return undefined;
}
