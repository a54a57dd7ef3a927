import type { BatchNormNode, Shape } from '@graftjs/core';
import type { Pause, VariableStore } from '@graftjs/core/engine-kit';
import {
  type Arrangement,
  type Arrangements,
  type Arranging,
  arrangedDims,
  type Blocks,
  blocksOf,
  type Layouts,
} from '@graftjs/onnx';
import { Block, type TensorView } from './block.js';

/**
 * Puts weights OIHW into an arrangement, in blocks: `[out / b, in / b, kh, kw, b of in, b of out]`, outputs and inputs
 * exchanged and the places of each kernel backwards where it is `turned`.
 */
export function arrangeWeights(
  from: Float32Array,
  dims: Shape,
  arrangement: Exclude<Arrangement, 'transposed'>,
  blocks: Blocks,
  to: Float32Array,
): void {
  const turned = arrangement === 'turned';
  const [outputs, inputs, height, width] = arrangedDims(dims, arrangement) as readonly [number, number, number, number];
  const places = height * width;
  const row = dims[1]! * places;
  // How far apart an output and the next, and an input and the next, are in OIHW.
  const [outputStep, inputStep] = turned ? [places, row] : [row, places];
  let target = 0;
  for (let output = 0; output < outputs; output += blocks.outputs) {
    for (let input = 0; input < inputs; input += blocks.inputs) {
      for (let place = 0; place < places; place++) {
        const corner = output * outputStep + input * inputStep + (turned ? places - 1 - place : place);
        for (let i = 0; i < blocks.inputs; i++) {
          for (let o = 0; o < blocks.outputs; o++) to[target++] = from[corner + o * outputStep + i * inputStep]!;
        }
      }
    }
  }
}

interface Arranged extends Arranging {
  readonly block: Block<Float32Array>;
  /** Of the variables that it was made of. */
  version: number;
}

type Kernels = Arranged & { readonly arrangement: Exclude<Arrangement, 'transposed'> };

/** How many rows and columns are transposed together, so that what is read and what is written stay in the processor's cache. */
const tile = 32;

/** Puts a matrix `[rows, columns]` the other way round. */
export function transpose(from: Float32Array, [rows, columns]: Shape, to: Float32Array): void {
  for (let top = 0; top < rows!; top += tile) {
    const bottom = Math.min(top + tile, rows!);
    for (let left = 0; left < columns!; left += tile) {
      const right = Math.min(left + tile, columns!);
      for (let column = left; column < right; column++) {
        const target = column * rows!;
        for (let row = top; row < bottom; row++) to[target + row] = from[row * columns! + column]!;
      }
    }
  }
}

/** Multiplies arranged weights of `blocks.outputs` channels side by side with a factor for each output. */
function scaleWeights(weights: Float32Array, factors: Float32Array, { outputs: size }: Blocks): void {
  const group = (weights.length / factors.length) * size;
  for (let start = 0, first = 0; start < weights.length; start += group, first += size) {
    for (let at = start; at < start + group; at += size) {
      for (let i = 0; i < size; i++) weights[at + i]! *= factors[first + i]!;
    }
  }
}

/** The arranged weights that a session needs, made anew when the weights have changed. */
export class ArrangedWeights {
  readonly #store: VariableStore;
  readonly #layouts: Layouts;
  readonly #blockSize: number;
  readonly #all = new Map<string, Arranged>();

  constructor(store: VariableStore, layouts: Layouts, blockSize: number) {
    this.#store = store;
    this.#layouts = layouts;
    this.#blockSize = blockSize;
  }

  /** Makes room for those that a graph takes. */
  add(arrangements: Arrangements): void {
    for (const [name, arranging] of arrangements) {
      if (this.#all.has(name)) continue;
      const block = new Block(new Float32Array(this.#store.array(arranging.weights).length));
      this.#all.set(name, { ...arranging, block, version: -1 });
    }
  }

  /** Lets go of all of them. */
  clear(): void {
    this.#all.clear();
  }

  view(name: string): TensorView {
    const { weights, arrangement, block } = this.#all.get(name)!;
    return { block, from: 0, dims: arrangedDims(this.#layouts.dims(weights), arrangement) };
  }

  /** Changes with each of the variables that arranged weights are made of. */
  #version({ weights, batchNorm }: Arranging): number {
    const { gamma, movingVariance } = batchNorm ?? {};
    const names = [weights, gamma, movingVariance].filter((name) => name !== undefined);
    return names.reduce((sum, name) => sum + this.#store.version(name), 0);
  }

  /** What a batch normalization multiplies each channel with. */
  #factors({ gamma, movingVariance, epsilon }: BatchNormNode): Float32Array {
    const gammas = gamma === undefined ? undefined : this.#store.array(gamma);
    return this.#store
      .array(movingVariance)
      .map((variance, channel) => (gammas ? gammas[channel]! : 1) / Math.sqrt(variance + epsilon));
  }

  /** Has those of a graph follow the variables. */
  async refresh(arrangements: Arrangements, pause: Pause): Promise<void> {
    for (const name of arrangements.keys()) {
      const one = this.#all.get(name)!;
      const { weights, arrangement, block } = one;
      const version = this.#version(one);
      if (one.version === version) continue;
      const dims = this.#layouts.dims(weights);
      if (arrangement === 'transposed') transpose(this.#store.array(weights), dims, block.array);
      else this.#arrangeKernels({ ...one, arrangement }, dims);
      one.version = version;
      await pause();
    }
  }

  /** Puts a convolution's weights, multiplied with the factors of the batch normalization, into blocks. */
  #arrangeKernels({ weights, arrangement, batchNorm, block }: Kernels, dims: Shape): void {
    const blocks = blocksOf(arrangedDims(dims, arrangement), this.#blockSize) ?? { inputs: 1, outputs: 1 };
    arrangeWeights(this.#store.array(weights), dims, arrangement, blocks, block.array);
    if (batchNorm) scaleWeights(block.array, this.#factors(batchNorm), blocks);
  }
}
