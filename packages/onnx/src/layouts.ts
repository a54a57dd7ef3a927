import { elementCount, type Graph, kernelShape, type Shape } from '@graftjs/core';
import { isDense } from './lower-convolution.js';

/** How the engine keeps each variable: as TF-Slim has it, or a convolution's weights with its last two axes first, turned. */
export class Layouts {
  /** A convolution's weights with as many inputs as a group has. */
  readonly #shapes: Map<string, Shape>;
  /** Convolution weights that are kept as OIHW; of a transposed one, which has its outputs third, as `[in, out, kh, kw]`. */
  readonly #turned = new Set<string>();

  constructor(graph: Graph) {
    this.#shapes = new Map(graph.variables.map(({ name, shape }) => [name, shape]));
    const shapes = new Map([
      [graph.input.name, graph.input.shape],
      ...graph.nodes.map(({ name, shape }) => [name, shape] as const),
    ]);
    for (const node of graph.nodes) {
      if (node.op === 'conv2dTranspose') this.#turned.add(node.weights);
      if (node.op !== 'conv2d') continue;
      const [input, weights] = [shapes.get(node.inputs[0]!)!, this.#shapes.get(node.weights)!];
      if (isDense(node, input, weights)) continue;
      this.#turned.add(node.weights);
      this.#shapes.set(node.weights, kernelShape(weights, input[2]!, node.groups));
    }
  }

  /** True for convolution weights that are kept as OIHW. */
  isTurned(variable: string): boolean {
    return this.#turned.has(variable);
  }

  /** The variable's dims in the engine: OIHW, or a dense layer's matrix `[h * w * in, out]`, or its own shape. */
  dims(variable: string): readonly number[] {
    const shape = this.#shapes.get(variable)!;
    if (shape.length !== 4) return shape;
    const [height, width, inputs, outputs] = shape as readonly [number, number, number, number];
    return this.#turned.has(variable) ? [outputs, inputs, height, width] : [height * width * inputs, outputs];
  }

  /** The same elements as a matrix, which gradients are: of a convolution a row for each of its outputs. */
  gradientDims(variable: string): readonly number[] {
    const [first, ...rest] = this.dims(variable);
    return rest.length > 1 ? [first!, elementCount(rest)] : [first!, ...rest];
  }

  /** Copies values from TF-Slim's layout into the engine's; both arrays have the variable's length. */
  toEngine(variable: string, from: Float32Array, to: Float32Array): void {
    const sizes = this.#turn(variable);
    if (sizes === undefined) {
      to.set(from);
      return;
    }
    const { places, inputs, outputs } = sizes;
    for (let place = 0, source = 0; place < places; place++) {
      for (let input = 0; input < inputs; input++) {
        const target = input * places + place;
        for (let output = 0; output < outputs; output++) to[target + output * inputs * places] = from[source++]!;
      }
    }
  }

  /** Copies values from the engine's layout into TF-Slim's. */
  fromEngine(variable: string, from: Float32Array, to: Float32Array): void {
    const sizes = this.#turn(variable);
    if (sizes === undefined) {
      to.set(from);
      return;
    }
    const { places, inputs, outputs } = sizes;
    for (let place = 0, target = 0; place < places; place++) {
      for (let input = 0; input < inputs; input++) {
        const source = input * places + place;
        for (let output = 0; output < outputs; output++) to[target++] = from[source + output * inputs * places]!;
      }
    }
  }

  /** The sizes of a variable that is kept in another order than TF-Slim's: HWIO here, OIHW in the engine. */
  #turn(variable: string): { places: number; inputs: number; outputs: number } | undefined {
    if (!this.#turned.has(variable)) return undefined;
    const [height, width, inputs, outputs] = this.#shapes.get(variable) as readonly [number, number, number, number];
    return { places: height * width, inputs, outputs };
  }
}
