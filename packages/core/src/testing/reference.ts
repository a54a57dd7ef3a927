import { elementCount, type Shape } from '../dtype.js';
import type { Graph } from '../graph.js';
import type { AvgPoolNode, MaxPoolNode, Node, OpName } from '../ops.js';

/** Values of one example, row-major in the shape's order. */
export type Values = ArrayLike<number>;

interface Context {
  readonly input: Values;
  /** The shape of the first input. */
  readonly shape: Shape;
  variable(name: string): { readonly values: Values; readonly shape: Shape };
}

type Rules = { readonly [K in OpName]: (node: Extract<Node, { op: K }>, context: Context) => Float64Array };

/** Calls `visit` with each position of the input that window `(row, column)` covers. */
function overWindow(
  { kernel, strides, padding }: MaxPoolNode | AvgPoolNode,
  [height, width]: Shape,
  row: number,
  column: number,
  visit: (place: number) => void,
): void {
  for (let y = row * strides[0] - padding[0], i = 0; i < kernel[0]; i++, y++) {
    for (let x = column * strides[1] - padding[2], j = 0; j < kernel[1]; j++, x++) {
      if (y >= 0 && y < height! && x >= 0 && x < width!) visit(y * width! + x);
    }
  }
}

function pool(node: MaxPoolNode | AvgPoolNode, { input, shape }: Context): Float64Array {
  const [rows, columns, channels] = node.shape as readonly [number, number, number];
  const output = new Float64Array(elementCount(node.shape));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let channel = 0; channel < channels; channel++) {
        let [largest, sum, count] = [Number.NEGATIVE_INFINITY, 0, 0];
        overWindow(node, shape, row, column, (place) => {
          const value = input[place * channels + channel]!;
          largest = Math.max(largest, value);
          sum += value;
          count++;
        });
        output[(row * columns + column) * channels + channel] = node.op === 'maxPool' ? largest : sum / count;
      }
    }
  }
  return output;
}

const map = (input: Values, change: (value: number, index: number) => number): Float64Array =>
  Float64Array.from(input as ArrayLike<number>, change);

const rules: Rules = {
  normalize: ({ mean, scale }, { input }) =>
    map(input, (value, index) => (value - Math.fround(mean[index % mean.length]!)) * scale),
  conv2d({ weights, strides, padding, dilations, shape: [rows, columns, outputs] }, context) {
    const [height, width, inputs] = context.shape as readonly [number, number, number];
    const { values, shape } = context.variable(weights);
    const [kernelHeight, kernelWidth] = shape as readonly [number, number];
    const output = new Float64Array(rows! * columns! * outputs!);
    for (let row = 0; row < rows!; row++) {
      for (let column = 0; column < columns!; column++) {
        for (let i = 0; i < kernelHeight; i++) {
          for (let j = 0; j < kernelWidth; j++) {
            const y = row * strides[0] - padding[0] + i * dilations[0];
            const x = column * strides[1] - padding[2] + j * dilations[1];
            if (y < 0 || y >= height || x < 0 || x >= width) continue;
            for (let from = 0; from < inputs; from++) {
              const value = context.input[(y * width + x) * inputs + from]!;
              const weight = ((i * kernelWidth + j) * inputs + from) * outputs!;
              const target = (row * columns! + column) * outputs!;
              for (let to = 0; to < outputs!; to++) output[target + to]! += value * values[weight + to]!;
            }
          }
        }
      }
    }
    return output;
  },
  bias({ biases }, { input, variable }) {
    const { values } = variable(biases);
    return map(input, (value, index) => value + values[index % values.length]!);
  },
  relu: (_, { input }) => map(input, (value) => Math.max(value, 0)),
  maxPool: pool,
  avgPool: pool,
  lrn({ depthRadius, bias, alpha, beta }, { input, shape }) {
    const channels = shape[2]!;
    return map(input, (value, index) => {
      const channel = index % channels;
      let squares = 0;
      for (
        let other = Math.max(0, channel - depthRadius);
        other <= Math.min(channels - 1, channel + depthRadius);
        other++
      ) {
        squares += input[index - channel + other]! ** 2;
      }
      return value / (bias + alpha * squares) ** beta;
    });
  },
  dropout: (_, { input }) => map(input, (value) => value),
  mean(_, { input, shape: [height, width, channels] }) {
    const output = new Float64Array(channels!);
    for (let i = 0; i < input.length; i++) output[i % channels!]! += input[i]! / (height! * width!);
    return output;
  },
  reshape: (_, { input }) => map(input, (value) => value),
};

/**
 * Every node of a graph for one example, in float64 and in plain loops, without dropout: slow, and meant to be read. What
 * engines are compared with.
 * @param variables by name, in TF-Slim's layout
 * @returns the values of each node by name
 */
export function evaluateGraph(
  graph: Graph,
  variables: ReadonlyMap<string, Values>,
  example: Values,
): Map<string, Float64Array> {
  const shapes = new Map([
    [graph.input.name, graph.input.shape],
    ...graph.nodes.map((node) => [node.name, node.shape] as const),
  ]);
  const variableShapes = new Map(graph.variables.map(({ name, shape }) => [name, shape]));
  const values = new Map<string, Float64Array>([[graph.input.name, Float64Array.from(example)]]);
  for (const node of graph.nodes) {
    const rule = rules[node.op] as (node: Node, context: Context) => Float64Array;
    const context: Context = {
      input: values.get(node.inputs[0]!)!,
      shape: shapes.get(node.inputs[0]!)!,
      variable: (name) => ({ values: variables.get(name)!, shape: variableShapes.get(name)! }),
    };
    values.set(node.name, rule(node, context));
  }
  return values;
}

/** Softmax cross-entropy of one example. */
export function crossEntropy(logits: Values, label: number): number {
  const largest = Math.max(...Array.from(logits));
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - largest);
  return Math.log(sum) + largest - logits[label]!;
}
