import { elementCount, type TrainedNetwork } from '@graftjs/core';
import type { Layouts, OnnxTensor } from '@graftjs/onnx';

/** Elements that are read at once of weights that are in the right order as they are. */
const pieceLength = 2 ** 20;

/** Some of a variable's values: those from element `start` on. */
export interface WeightsPiece {
  readonly start: number;
  /** May be reused once the next piece is asked for. */
  readonly values: Float32Array;
}

/** The weights of a network, piece by piece, so that those of a large layer are never all in memory. */
export class NetworkWeights {
  readonly #network: TrainedNetwork;
  readonly #layouts: Layouts;
  readonly #counts: ReadonlyMap<string, number>;

  constructor(network: TrainedNetwork, layouts: Layouts) {
    this.#network = network;
    this.#layouts = layouts;
    this.#counts = new Map(network.graph.variables.map(({ name, shape }) => [name, elementCount(shape)]));
  }

  /** As TF-Slim has them. */
  async *asTrained(variable: string, length = pieceLength): AsyncGenerator<WeightsPiece> {
    const count = this.#counts.get(variable)!;
    const room = new Float32Array(Math.min(length, count));
    for (let start = 0; start < count; start += length) {
      const values = room.subarray(0, Math.min(length, count - start));
      await this.#network.read(variable, start, values);
      yield { start, values };
    }
  }

  /** As ONNX's operators take them (`Layouts`). Those that have another order there are small enough to be had at once. */
  async *asWritten(variable: string): AsyncGenerator<WeightsPiece> {
    if (!this.#layouts.isTurned(variable)) {
      yield* this.asTrained(variable);
      return;
    }
    for await (const { start, values } of this.asTrained(variable, this.#counts.get(variable)!)) {
      const turned = new Float32Array(values.length);
      this.#layouts.toEngine(variable, values, turned);
      yield { start, values: turned };
    }
  }

  /** All values of a small variable. */
  async values(variable: string): Promise<Float32Array> {
    const all = new Float32Array(this.#counts.get(variable)!);
    await this.#network.read(variable, 0, all);
    return all;
  }

  /** A variable as an initializer of the same name. */
  tensor<T extends ArrayBufferView>(
    variable: string,
    type: OnnxTensor['type'],
    dims: readonly number[],
    convert: (piece: WeightsPiece) => T,
  ): OnnxTensor {
    const { asWritten } = this;
    const pieces = asWritten.bind(this, variable);
    return {
      name: variable,
      type,
      dims,
      async *pieces() {
        for await (const piece of pieces()) yield bytesOf(convert(piece));
      },
    };
  }
}

/** The bytes of an array, where they are. */
const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

/** An initializer of values that are there. */
export function tensorOf(
  name: string,
  type: OnnxTensor['type'],
  dims: readonly number[],
  values: ArrayBufferView,
): OnnxTensor {
  return {
    name,
    type,
    dims,
    async *pieces() {
      yield bytesOf(values);
    },
  };
}
