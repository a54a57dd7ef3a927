import type { Graph, NameMap } from '@graftjs/core';

/** How a first convolution is adapted, from what its source is fed to what the graph feeds it. */
export interface InputAdaption {
  readonly weights: string;
  readonly biases: string;
  /** For each channel that the graph feeds, RGB, which of the source's it is. */
  readonly channel: readonly number[];
  /** For each channel that the graph feeds: the source is fed `factor * value + offset`. */
  readonly factor: readonly number[];
  readonly offset: readonly number[];
}

/**
 * Compares what the two networks are fed: the graph `(picture - mean) * scale`, by its `normalize` node; the source
 * `(picture - mean) / deviation`.
 * @returns undefined where it is the same, or where the graph is fed what its user prepares
 */
export function planInput(graph: Graph, input: NameMap['input']): InputAdaption | undefined {
  const own = graph.nodes.find((node) => node.op === 'normalize');
  if (!input || !own) return undefined;
  const { weights, biases, channels, mean, deviation } = input;
  const channel = channels === 'RGB' ? [0, 1, 2] : [2, 1, 0];
  const factor = deviation.map((value) => 1 / (value * own.scale));
  const offset = deviation.map((value, c) => (own.mean[c]! - mean[c]!) / value);
  const isSame = channels === 'RGB' && factor.every((value) => value === 1) && offset.every((value) => value === 0);
  return isSame ? undefined : { weights, biases, channel, factor, offset };
}

/** Calls `visit` with each index of HWIO weights, its input channel and its output. */
function eachWeight(
  { length }: Float32Array,
  inputs: number,
  outputs: number,
  visit: (index: number, input: number, output: number) => void,
): void {
  for (let index = 0; index < length; index++) visit(index, Math.floor(index / outputs) % inputs, index % outputs);
}

/**
 * Makes the first convolution's weights, in place, those that give of the graph's channels what the source's give of its own.
 * @param weights HWIO
 */
export function adaptWeights({ channel, factor }: InputAdaption, weights: Float32Array, outputs: number): void {
  const original = weights.slice();
  eachWeight(weights, channel.length, outputs, (index, input) => {
    weights[index] = factor[input]! * original[index + (channel[input]! - input) * outputs]!;
  });
}

/**
 * Adds to the first convolution's biases, in place, what the source's weights make of the difference of the means.
 * @param weights HWIO, as the source has them
 */
export function adaptBiases({ channel, offset }: InputAdaption, biases: Float32Array, weights: Float32Array): void {
  const sums = Float64Array.from(biases);
  // Reversing the channels is its own inverse, so that `channel` also says which of the graph's a source's channel is.
  eachWeight(weights, channel.length, biases.length, (index, input, output) => {
    sums[output]! += weights[index]! * offset[channel[input]!]!;
  });
  biases.set(sums);
}
