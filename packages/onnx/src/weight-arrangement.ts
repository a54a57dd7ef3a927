import { type BatchNormNode, elementCount, type Shape } from '@graftjs/core';

/**
 * Another form of a convolution's weights, which the engine makes itself where onnxruntime has to be fed with weights that
 * change: `blocked` as its blocked convolutions take them; `turned` for the gradient of the input, `[in, out, kh, kw]`
 * with each kernel reversed, blocked where it can be; `transposed` for a dense layer's matrix as `[out, in]`, by which few
 * rows are multiplied faster.
 */
export type Arrangement = 'blocked' | 'turned' | 'transposed';

/** How many channels of the input and of the output are side by side in blocked weights `[out, in, kh, kw]`. */
export interface Blocks {
  readonly inputs: number;
  readonly outputs: number;
}

/**
 * The blocks of weights of these dims, undefined where onnxruntime's blocked convolution does not take them: channels have to
 * fill blocks, or be fewer than one has if they are the input's.
 * @param blockSize 1 where the runtime has no blocked layout
 */
export function blocksOf([outputs, inputs]: Shape, blockSize: number): Blocks | undefined {
  if (blockSize === 1 || outputs! % blockSize !== 0) return undefined;
  if (inputs! % blockSize === 0) return { inputs: blockSize, outputs: blockSize };
  return inputs! < blockSize ? { inputs: 1, outputs: blockSize } : undefined;
}

/**
 * True for weights that are so many that another form of them costs more, in memory and in the time that it takes to make, than
 * the convolution gains by it: those of VGG's dense layers, where they are convolutions.
 */
export const isHeavy = (weights: Shape): boolean => elementCount(weights) >= 2 ** 24;

/** The dims of weights in an arrangement, whatever the order of their elements. */
export function arrangedDims(dims: Shape, arrangement: Arrangement): Shape {
  if (arrangement === 'transposed') return [dims[1]!, dims[0]!];
  const [outputs, inputs, ...kernel] = dims as readonly [number, number, number, number];
  return arrangement === 'turned' ? [inputs, outputs, ...kernel] : dims;
}

/** What weights are arranged for. */
export interface Arranging {
  readonly weights: string;
  readonly arrangement: Arrangement;
  /** The batch normalization that follows, by its moving averages, where its factors are to be in the weights. */
  readonly batchNorm?: BatchNormNode;
}

/** The arranged weights that an ONNX graph takes, by the names of its inputs. */
export type Arrangements = ReadonlyMap<string, Arranging>;
