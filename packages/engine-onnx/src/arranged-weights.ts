import type { Shape } from '@graftjs/core';
import { Block, type TensorView } from './block.js';
import type { Layouts } from './layouts.js';
import type { Pause } from './pauses.js';
import type { VariableStore } from './variable-store.js';

/**
 * Another form of a convolution's weights, which the engine makes itself where onnxruntime has to be fed with weights that
 * change: `blocked` as its blocked convolutions take them; `turned` for the gradient of the input, `[in, out, kh, kw]`
 * with each kernel reversed, blocked where it can be.
 */
export type Arrangement = 'blocked' | 'turned';

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

/** The dims of weights in an arrangement, whatever the order of their elements. */
export function arrangedDims(dims: Shape, arrangement: Arrangement): Shape {
  const [outputs, inputs, ...kernel] = dims as readonly [number, number, number, number];
  return arrangement === 'turned' ? [inputs, outputs, ...kernel] : dims;
}

/** Puts weights OIHW into blocks: `[out / b, in / b, kh, kw, b of in, b of out]`. */
export function blockWeights(from: Float32Array, dims: Shape, blocks: Blocks, to: Float32Array): void {
  const [outputs, inputs, height, width] = dims as readonly [number, number, number, number];
  const places = height * width;
  const stride = inputs * places;
  let target = 0;
  for (let output = 0; output < outputs; output += blocks.outputs) {
    for (let input = 0; input < inputs; input += blocks.inputs) {
      for (let place = 0; place < places; place++) {
        const corner = output * stride + input * places + place;
        for (let i = 0; i < blocks.inputs; i++) {
          for (let o = 0; o < blocks.outputs; o++) to[target++] = from[corner + o * stride + i * places]!;
        }
      }
    }
  }
}

/** Turns weights OIHW around, and puts them into blocks as weights with inputs and outputs exchanged. */
export function turnWeights(from: Float32Array, dims: Shape, blocks: Blocks, to: Float32Array): void {
  const [outputs, inputs, height, width] = dims as readonly [number, number, number, number];
  const places = height * width;
  const stride = inputs * places;
  let target = 0;
  for (let input = 0; input < inputs; input += blocks.outputs) {
    for (let output = 0; output < outputs; output += blocks.inputs) {
      for (let place = places - 1; place >= 0; place--) {
        const corner = output * stride + input * places + place;
        for (let o = 0; o < blocks.inputs; o++) {
          for (let i = 0; i < blocks.outputs; i++) to[target++] = from[corner + o * stride + i * places]!;
        }
      }
    }
  }
}

/** The arranged weights that an ONNX graph takes, by the names of its inputs. */
export type Arrangements = ReadonlyMap<string, { readonly weights: string; readonly arrangement: Arrangement }>;

interface Arranged {
  readonly weights: string;
  readonly arrangement: Arrangement;
  readonly block: Block<Float32Array>;
  /** Of the weights that it was made of. */
  version: number;
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
    for (const [name, { weights, arrangement }] of arrangements) {
      if (this.#all.has(name)) continue;
      const block = new Block(new Float32Array(this.#store.array(weights).length));
      this.#all.set(name, { weights, arrangement, block, version: -1 });
    }
  }

  view(name: string): TensorView {
    const { weights, arrangement, block } = this.#all.get(name)!;
    return { block, from: 0, dims: arrangedDims(this.#layouts.dims(weights), arrangement) };
  }

  /** Has them follow the weights. */
  async refresh(pause: Pause): Promise<void> {
    for (const one of this.#all.values()) {
      const { weights, arrangement, block } = one;
      const version = this.#store.version(weights);
      if (one.version === version) continue;
      const dims = this.#layouts.dims(weights);
      const blocks = blocksOf(arrangedDims(dims, arrangement), this.#blockSize) ?? { inputs: 1, outputs: 1 };
      const arrange = arrangement === 'turned' ? turnWeights : blockWeights;
      arrange(this.#store.array(weights), dims, blocks, block.array);
      one.version = version;
      await pause();
    }
  }
}
