import { CheckpointError, type Graph, type NameMap, normalizationOf } from '@graftjs/core';

/** How a first convolution is adapted, from what its source is fed to what the graph feeds it. */
export interface InputAdaption {
  /** The convolution's weights. */
  readonly weights: string;
  /** For each channel that the graph feeds, RGB, which of the source's it is. */
  readonly channel: readonly number[];
  /** For each channel that the graph feeds: the source is fed `factor * value + offset`. */
  readonly factor: readonly number[];
  readonly offset: readonly number[];
  /** What takes up the offsets: biases, to which they are added, or a moving mean, from which they are subtracted. */
  readonly shift?: { readonly variable: string; readonly sign: 1 | -1 };
}

/** Means that are less than this many grey levels apart are one: Slim rounds those of the original VGG to hundredths. */
const negligible = 0.01;

const isRoughlyOne = (value: number): boolean => Math.abs(value - 1) < 1e-12;

/** The graph's first convolution: its weights, and what is added after it. */
function firstConvolution({ nodes }: Graph): Pick<InputAdaption, 'weights' | 'shift'> | undefined {
  const readers = (name: string | undefined) =>
    nodes.filter(({ inputs }) => name !== undefined && inputs.includes(name));
  const [convolution, ...others] = readers(nodes.find(({ op }) => op === 'normalize')?.name);
  if (convolution?.op !== 'conv2d' || convolution.groups !== 1 || others.length > 0) return undefined;
  const [next, ...more] = readers(convolution.name);
  const { weights } = convolution;
  if (more.length > 0) return { weights };
  if (next?.op === 'bias') return { weights, shift: { variable: next.biases, sign: 1 } };
  return next?.op === 'batchNorm' ? { weights, shift: { variable: next.movingMean, sign: -1 } } : { weights };
}

/**
 * Compares what the two networks are fed, of images whose values are from 0 to 255.
 *
 * Order and scale of the channels go into the first convolution's weights, which is exact. The difference of the means goes
 * into what is added after it, which is exact wherever the kernel is all on the image: beyond its edges there is zero here
 * and there, and that stands for either mean. To have it all exact, give the graph the source's normalization before
 * (`sourceNormalization`): then there is no difference.
 * @returns undefined where it is the same, or where the graph leaves it to its user
 * @throws CheckpointError `checkpoint/other-input` where the graph's first layer cannot take the difference up
 */
export function planInput(graph: Graph, { source, input }: NameMap): InputAdaption | undefined {
  const own = normalizationOf(graph);
  if (!input || !own) return undefined;
  const channel = input.channels === 'RGB' ? [0, 1, 2] : [2, 1, 0];
  const factors = input.deviation.map((value, c) => own.deviation[c]! / value);
  const factor = factors.map((value) => (isRoughlyOne(value) ? 1 : value));
  const offset = input.mean.map((value, c) => {
    const difference = own.mean[c]! - value;
    return Math.abs(difference) < negligible ? 0 : difference / input.deviation[c]!;
  });
  const shifts = offset.some((value) => value !== 0);
  if (input.channels === 'RGB' && !shifts && factor.every((value) => value === 1)) return undefined;
  const first = firstConvolution(graph);
  if (!first || (shifts && !first.shift)) {
    throw new CheckpointError(
      'checkpoint/other-input',
      `Images for ${graph.name} are normalized otherwise than for ${source}'s network, and its first layer cannot take ` +
        'that up. Build it with what the source normalizes by.',
      { details: { network: graph.name, source, input } },
    );
  }
  const { weights, shift } = first;
  return { weights, channel, factor, offset, ...(shifts && shift && { shift }) };
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
 * Puts into what is added after the first convolution, in place, what the source's weights make of the difference of the means.
 * @param values biases or moving mean
 * @param weights HWIO, as the source has them
 */
export function adaptShift(
  { channel, offset, shift }: InputAdaption,
  values: Float32Array,
  weights: Float32Array,
): void {
  const sums = Float64Array.from(values);
  const sign = shift?.sign ?? 1;
  // Reversing the channels is its own inverse, so that `channel` also says which of the graph's a source's channel is.
  eachWeight(weights, channel.length, values.length, (index, input, output) => {
    sums[output]! += sign * weights[index]! * offset[channel[input]!]!;
  });
  values.set(sums);
}
