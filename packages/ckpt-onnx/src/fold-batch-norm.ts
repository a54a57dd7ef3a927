import {
  type BatchNormNode,
  type BiasNode,
  ExportError,
  type Graph,
  type Node,
  type TrainedNetwork,
  type Variable,
} from '@graftjs/core';
import { onlyReaders } from './only-readers.js';

/** Batch normalizations of a graph as something else, and what the values of its variables then are. */
interface Folding {
  readonly graph: Graph;
  /** Normalizations by the weights of the convolution before them, which they are folded into. */
  readonly folded: ReadonlyMap<string, BatchNormNode>;
  /** The others. */
  readonly alone: readonly BatchNormNode[];
}

/** New variables, by the normalization that they take the place of. */
const names = ({ name }: BatchNormNode) => ({
  factor: `${name}:factor`,
  summand: `${name}:summand`,
  zeros: `${name}:zeros`,
  ones: `${name}:ones`,
});

/** What is left of one that follows no convolution: a factor and a summand a channel. */
function simplified(node: BatchNormNode): BatchNormNode {
  const { factor, summand, zeros, ones } = names(node);
  return { ...node, gamma: factor, beta: summand, movingMean: zeros, movingVariance: ones, epsilon: 1e-12 };
}

function planFolding(graph: Graph): Folding {
  const readers = onlyReaders(graph);
  const convolutions = graph.nodes.filter((node) => node.op === 'conv2d');
  const folded = new Map<string, BatchNormNode>();
  for (const { name, weights } of convolutions) {
    const reader = readers.get(name);
    const isShared = convolutions.some((other) => other.name !== name && other.weights === weights);
    if (reader?.op === 'batchNorm' && !isShared) folded.set(weights, reader);
  }
  const gone = new Set(folded.values());
  const alone: BatchNormNode[] = [];
  const added: Variable[] = [];
  const nodes = graph.nodes.map((node): Node => {
    if (node.op !== 'batchNorm') return node;
    const { factor, summand, zeros, ones } = names(node);
    const variables = gone.has(node) ? [summand] : [factor, summand, zeros, ones];
    added.push(
      ...variables.map((name): Variable => {
        const initializer = { kind: 'constant', value: 0 } as const;
        return { name, shape: [node.shape.at(-1)!], initializer, trainable: false, decayed: false };
      }),
    );
    if (!gone.has(node)) {
      alone.push(node);
      return simplified(node);
    }
    const { name, inputs, shape } = node;
    return { op: 'bias', name, inputs, shape, biases: summand } satisfies BiasNode;
  });
  return { graph: { ...graph, nodes, variables: [...graph.variables, ...added] }, folded, alone };
}

/**
 * The graph without batch normalizations that follow a convolution: each becomes the convolution's biases, and its factors
 * go into the weights. The others become a factor and a summand a channel. Every node keeps its name and its values.
 */
export const foldedGraph = (graph: Graph): Graph => planFolding(graph).graph;

/** `gamma / sqrt(variance + epsilon)`, and what is added. */
async function factorsOf(
  { gamma, beta, movingMean, movingVariance, epsilon, shape, name }: BatchNormNode,
  read: TrainedNetwork['read'],
): Promise<{ readonly factor: Float32Array; readonly summand: Float32Array }> {
  const values = async (variable: string) => {
    const into = new Float32Array(shape.at(-1)!);
    await read(variable, 0, into);
    return into;
  };
  const [scale, shift] = [gamma === undefined ? undefined : await values(gamma), await values(beta)];
  const [mean, variance] = [await values(movingMean), await values(movingVariance)];
  const factors = Float64Array.from(variance, (value, c) => (scale?.[c] ?? 1) / Math.sqrt(value + epsilon));
  const wrong = factors.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    throw new ExportError(
      'export/not-finite',
      `${name} has a variance of ${variance[wrong]} in channel ${wrong}, which nothing can be divided by the root of. ` +
        'The training went wrong: export an earlier checkpoint.',
      { details: { node: name, channel: wrong } },
    );
  }
  return {
    factor: Float32Array.from(factors),
    summand: Float32Array.from(shift, (value, c) => value - mean[c]! * factors[c]!),
  };
}

/** `foldedGraph`, with its weights. */
export async function foldBatchNorm({ graph, read }: TrainedNetwork): Promise<TrainedNetwork> {
  const { graph: changed, folded, alone } = planFolding(graph);
  const given = new Map<string, Float32Array>();
  const factors = new Map<string, Float32Array>();
  for (const [weights, node] of folded) {
    const { factor, summand } = await factorsOf(node, read);
    factors.set(weights, factor);
    given.set(names(node).summand, summand);
  }
  for (const node of alone) {
    const { factor, summand } = await factorsOf(node, read);
    const [zeros, ones] = [new Float32Array(factor.length), new Float32Array(factor.length).fill(1)];
    const { factor: factorName, summand: summandName, ...constant } = names(node);
    given.set(factorName, factor).set(summandName, summand).set(constant.zeros, zeros).set(constant.ones, ones);
  }
  return {
    graph: changed,
    async read(variable, start, into) {
      const values = given.get(variable);
      if (values) {
        into.set(values.subarray(start, start + into.length));
        return;
      }
      await read(variable, start, into);
      const factor = factors.get(variable);
      // Outputs are the innermost axis of TF-Slim's weights.
      if (factor) for (let i = 0; i < into.length; i++) into[i]! *= factor[(start + i) % factor.length]!;
    },
  };
}
