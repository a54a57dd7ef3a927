import { elementCount, type Shape } from '../dtype.js';
import type { Graph } from '../graph.js';
import { type AvgPoolNode, kernelShape, type MaxPoolNode, type Node, type OpName } from '../ops.js';

/** Values of one example, row-major in the shape's order. */
export type Values = ArrayLike<number>;

interface Context {
  readonly input: Values;
  /** The shape of the first input. */
  readonly shape: Shape;
  /** All inputs, and their shapes. */
  readonly inputs: readonly Values[];
  readonly shapes: readonly Shape[];
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
    map(
      input,
      (value, index) => (value - Math.fround(mean[index % mean.length]!)) * Math.fround(scale[index % mean.length]!),
    ),
  conv2d({ weights, groups, strides, padding, dilations, shape: [rows, columns, outputs] }, context) {
    const [height, width, channels] = context.shape as readonly [number, number, number];
    const { values, shape } = context.variable(weights);
    const kernel = kernelShape(shape, channels, groups);
    const [kernelHeight, kernelWidth, inputs] = kernel as readonly [number, number, number];
    const output = new Float64Array(rows! * columns! * outputs!);
    for (let row = 0; row < rows!; row++) {
      for (let column = 0; column < columns!; column++) {
        for (let i = 0; i < kernelHeight; i++) {
          for (let j = 0; j < kernelWidth; j++) {
            const y = row * strides[0] - padding[0] + i * dilations[0];
            const x = column * strides[1] - padding[2] + j * dilations[1];
            if (y < 0 || y >= height || x < 0 || x >= width) continue;
            for (let from = 0; from < inputs; from++) {
              const weight = ((i * kernelWidth + j) * inputs + from) * outputs!;
              const target = (row * columns! + column) * outputs!;
              for (let to = 0; to < outputs!; to++) {
                const group = Math.floor((to * groups) / outputs!);
                const value = context.input[(y * width + x) * channels + group * inputs + from]!;
                output[target + to]! += value * values[weight + to]!;
              }
            }
          }
        }
      }
    }
    return output;
  },
  conv2dTranspose({ weights, strides, padding, shape: [rows, columns, outputs] }, context) {
    const [height, width, inputs] = context.shape as readonly [number, number, number];
    const { values, shape } = context.variable(weights);
    const [kernelHeight, kernelWidth] = shape as readonly [number, number];
    const output = new Float64Array(rows! * columns! * outputs!);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let i = 0; i < kernelHeight; i++) {
          for (let j = 0; j < kernelWidth; j++) {
            const row = y * strides[0] - padding[0] + i;
            const column = x * strides[1] - padding[2] + j;
            if (row < 0 || row >= rows! || column < 0 || column >= columns!) continue;
            for (let to = 0; to < outputs!; to++) {
              const target = (row * columns! + column) * outputs! + to;
              const weight = ((i * kernelWidth + j) * outputs! + to) * inputs;
              for (let from = 0; from < inputs; from++)
                output[target]! += context.input[(y * width + x) * inputs + from]! * values[weight + from]!;
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
  batchNorm({ gamma, beta, movingMean, movingVariance, epsilon }, { input, variable }) {
    const [mean, variance] = [variable(movingMean).values, variable(movingVariance).values];
    const [scale, shift] = [gamma && variable(gamma).values, variable(beta).values];
    return map(input, (value, index) => {
      const channel = index % shift.length;
      const normal = (value - mean[channel]!) / Math.sqrt(variance[channel]! + epsilon);
      return normal * (scale ? scale[channel]! : 1) + shift[channel]!;
    });
  },
  add: (_, { inputs }) => map(inputs[0]!, (_, index) => inputs.reduce((sum, values) => sum + values[index]!, 0)),
  concat({ shape }, { inputs, shapes }) {
    const output = new Float64Array(elementCount(shape));
    let first = 0;
    for (const [index, values] of inputs.entries()) {
      const channels = shapes[index]!.at(-1)!;
      for (let i = 0; i < values.length; i++)
        output[Math.floor(i / channels) * shape.at(-1)! + first + (i % channels)] = values[i]!;
      first += channels;
    }
    return output;
  },
  slice({ start, size }, { input, shape }) {
    const channels = shape.at(-1)!;
    const output = new Float64Array((input.length / channels) * size);
    for (let i = 0; i < output.length; i++) output[i] = input[Math.floor(i / size) * channels + start + (i % size)]!;
    return output;
  },
  pad({ padding: [top, , left], shape: [rows, columns, channels] }, { input, shape: [height, width] }) {
    const output = new Float64Array(rows! * columns! * channels!);
    const line = width! * channels!;
    for (let y = 0; y < height!; y++) {
      const at = ((y + top) * columns! + left) * channels!;
      for (let i = 0; i < line; i++) output[at + i] = input[y * line + i]!;
    }
    return output;
  },
  crop({ margins: [top, , left], shape: [rows, columns, channels] }, { input, shape: [, width] }) {
    const output = new Float64Array(rows! * columns! * channels!);
    const line = columns! * channels!;
    for (let y = 0; y < rows!; y++) {
      const at = ((y + top) * width! + left) * channels!;
      for (let i = 0; i < line; i++) output[y * line + i] = input[at + i]!;
    }
    return output;
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
  softmax({ shape }, { input }) {
    const width = shape.at(-1)!;
    return map(input, (value, index) => {
      const first = index - (index % width);
      let sum = 0;
      for (let i = first; i < first + width; i++) sum += Math.exp(input[i]! - value);
      return 1 / sum;
    });
  },
};

/** Mean and variance of each of the last axis's `channels`, over all other places of all examples. */
export function batchStatistics(
  examples: readonly Values[],
  channels: number,
): { readonly count: number; readonly mean: Float64Array; readonly variance: Float64Array } {
  const count = (examples.length * examples[0]!.length) / channels;
  const [mean, variance] = [new Float64Array(channels), new Float64Array(channels)];
  for (const values of examples) for (let i = 0; i < values.length; i++) mean[i % channels]! += values[i]! / count;
  for (const values of examples)
    for (let i = 0; i < values.length; i++) variance[i % channels]! += (values[i]! - mean[i % channels]!) ** 2 / count;
  return { count, mean, variance };
}

/**
 * Every node of a graph for the examples of a batch, in float64 and in plain loops, without dropout: slow, and meant to be
 * read. What engines are compared with.
 * @param variables by name, in TF-Slim's layout
 * @param ownStatistics the batch normalizations that use the batch's own statistics. Default: none, as in use
 * @returns for each example the values of each node by name
 */
export function evaluateBatch(
  graph: Graph,
  variables: ReadonlyMap<string, Values>,
  examples: readonly Values[],
  ownStatistics: ReadonlySet<string> = new Set(),
): Map<string, Float64Array>[] {
  const shapes = new Map([
    [graph.input.name, graph.input.shape],
    ...graph.nodes.map((node) => [node.name, node.shape] as const),
  ]);
  const variableShapes = new Map(graph.variables.map(({ name, shape }) => [name, shape]));
  const all = examples.map(
    (example) => new Map<string, Float64Array>([[graph.input.name, Float64Array.from(example)]]),
  );
  for (const node of graph.nodes) {
    const rule = rules[node.op] as (node: Node, context: Context) => Float64Array;
    const own = new Map<string, Values>();
    if (node.op === 'batchNorm' && ownStatistics.has(node.name)) {
      const inputs = all.map((values) => values.get(node.inputs[0]!)!);
      const { mean, variance } = batchStatistics(inputs, node.shape.at(-1)!);
      own.set(node.movingMean, mean).set(node.movingVariance, variance);
    }
    for (const values of all) {
      const inputs = node.inputs.map((name) => values.get(name)!);
      const inputShapes = node.inputs.map((name) => shapes.get(name)!);
      const context: Context = {
        input: inputs[0]!,
        shape: inputShapes[0]!,
        inputs,
        shapes: inputShapes,
        variable: (name) => ({ values: own.get(name) ?? variables.get(name)!, shape: variableShapes.get(name)! }),
      };
      values.set(node.name, rule(node, context));
    }
  }
  return all;
}

/** `evaluateBatch` of one example, as in use. */
export function evaluateGraph(
  graph: Graph,
  variables: ReadonlyMap<string, Values>,
  example: Values,
): Map<string, Float64Array> {
  return evaluateBatch(graph, variables, [example])[0]!;
}

/** Softmax cross-entropy of one example. */
export function crossEntropy(logits: Values, label: number): number {
  const largest = Math.max(...Array.from(logits));
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - largest);
  return Math.log(sum) + largest - logits[label]!;
}
