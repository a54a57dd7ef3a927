import { GraphError } from './errors.js';
import type { Graph } from './graph.js';
import type { Node, Padding } from './ops.js';

/**
 * The same network for smaller images: after normalization zeros are put around them, so that all that follows works on
 * images of the size that the graph was built for.
 * @param padding how many rows and columns smaller they are, and where zeros stand for these
 */
export function padImages(graph: Graph, padding: Padding): Graph {
  if (padding.every((size) => size === 0)) return graph;
  const normalize = graph.nodes.find(({ op }) => op === 'normalize');
  if (normalize?.inputs[0] !== graph.input.name) {
    throw new GraphError('graph/no-normalization', `${graph.name} does not normalize the images that it is fed.`);
  }
  const [top, bottom, left, right] = padding;
  const [height, width, channels] = graph.input.shape as readonly [number, number, number];
  const shape = Object.freeze([height - top - bottom, width - left - right, channels]);
  const name = `${normalize.name}/Pad`;
  const pad: Node = Object.freeze({ op: 'pad', name, inputs: [normalize.name], padding, shape: graph.input.shape });
  const nodes = graph.nodes.flatMap((node): Node[] => {
    if (node === normalize) return [Object.freeze({ ...node, shape }), pad];
    if (!node.inputs.includes(normalize.name)) return [node];
    const inputs = node.inputs.map((input) => (input === normalize.name ? name : input));
    return [Object.freeze({ ...node, inputs: Object.freeze(inputs) })];
  });
  return Object.freeze({
    ...graph,
    input: Object.freeze({ ...graph.input, shape }),
    nodes: Object.freeze(nodes),
  });
}
