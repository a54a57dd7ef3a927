import { type BiasNode, type Conv2dNode, ExportError, type Graph, type Node, type ValueRange } from '@graftjs/core';
import { type GraphWriter, isDense } from '@graftjs/onnx';
import type { PrecisionParts, PrecisionWriter, WritablePrecision } from './export-precision.js';
import { foldBatchNorm, foldedGraph } from './fold-batch-norm.js';
import { keptValues, passesOn } from './kept-values.js';
import { type NetworkWeights, tensorOf } from './network-weights.js';
import { onlyReaders } from './only-readers.js';

/**
 * Weights are whole numbers from -64 to 64: with more, processors without VNNI would have to clip sums of two products to 16
 * bits, and the file would do other things on one machine than on another.
 */
const largestWeight = 64;

/** The largest bias, with room for what is added to it. */
const largestBias = 2 ** 30;

/** How real numbers become whole ones from 0 to 255: `value / scale + zeroPoint`. */
interface Quantization {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** So that 0 is one of the numbers: paddings are. */
function quantizationOf({ min, max }: ValueRange): Quantization {
  const [low, high] = [Math.min(min, 0), Math.max(max, 0)];
  const scale = Math.fround((high - low) / 255) || 1;
  return { scale, zeroPoint: Math.round(-low / scale) };
}

/** A convolution, and the biases that are added to nothing else than what it gives. */
interface Layer {
  readonly convolution: Conv2dNode;
  readonly biases?: string;
  /** Of its input. */
  readonly input: Quantization;
  readonly isDense: boolean;
}

/** What becomes int8 in a graph. */
class Int8Plan {
  /** Of the nodes whose values become whole numbers. */
  readonly quantized = new Map<string, Quantization>();
  /** By their weights. */
  readonly layers = new Map<string, Layer>();
  /** By their biases. */
  readonly byBiases = new Map<string, Layer>();

  constructor(graph: Graph, ranges: ReadonlyMap<string, ValueRange>) {
    const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
    const kept = new Set(keptValues(graph));
    // What the probabilities are made of stays as it is.
    let last = graph.output;
    for (let node = nodes.get(last); node && passesOn(node); node = nodes.get(last)) last = node.inputs[0]!;
    for (const node of graph.nodes) {
      if (node.name === last) break;
      const own = kept.has(node.name) ? quantizationOf(ranges.get(node.name)!) : undefined;
      const quantization = own ?? (passesOn(node) ? this.quantized.get(node.inputs[0]!) : undefined);
      if (quantization) this.quantized.set(node.name, quantization);
    }
    this.#findLayers(graph);
  }

  #findLayers(graph: Graph): void {
    const readers = onlyReaders(graph);
    const shapes = new Map(graph.variables.map(({ name, shape }) => [name, shape]));
    for (const convolution of graph.nodes) {
      if (convolution.op !== 'conv2d') continue;
      const { name, weights, inputs } = convolution;
      const input = this.quantized.get(inputs[0]!);
      if (!input || this.layers.has(weights)) throw unsupported(convolution);
      const x = graph.nodes.find((node) => node.name === inputs[0])!;
      const reader = readers.get(name);
      const biases = reader?.op === 'bias' ? (reader satisfies BiasNode).biases : undefined;
      const layer = {
        convolution,
        input,
        isDense: isDense(convolution, x.shape, shapes.get(weights)!),
        ...(biases !== undefined && { biases }),
      };
      this.layers.set(weights, layer);
      if (biases !== undefined) this.byBiases.set(biases, layer);
    }
  }
}

const unsupported = ({ name, weights }: Conv2dNode): ExportError =>
  new ExportError(
    'export/unsupported',
    `${name} reads the network's input as it is, or shares ${weights} with another layer: int8 has no way for that. ` +
      'Export this network as float32 or float16.',
    { details: { node: name } },
  );

/** The scale of each output of a convolution, so that its largest weight fits, and its bias in units of input times weight. */
async function weightScales(weights: NetworkWeights, layer: Layer): Promise<Float32Array> {
  const outputs = layer.convolution.shape.at(-1)!;
  const scales = new Float32Array(outputs);
  // Outputs are the innermost axis of TF-Slim's weights.
  for await (const { start, values } of weights.asTrained(layer.convolution.weights)) {
    for (let i = 0; i < values.length; i++) {
      const output = (start + i) % outputs;
      const size = Math.abs(values[i]!);
      if (size > scales[output]!) scales[output] = size;
    }
  }
  const biases = layer.biases === undefined ? undefined : await weights.values(layer.biases);
  for (let output = 0; output < outputs; output++) {
    const forBias = Math.abs(biases?.[output] ?? 0) / (layer.input.scale * largestBias);
    scales[output] = Math.max(scales[output]! / largestWeight, forBias) || 1;
  }
  return scales;
}

/** Writes convolutions of whole numbers, as QuantizeLinear and DequantizeLinear around the operators of real ones. */
class Int8Writer implements PrecisionWriter {
  readonly #parts: PrecisionParts;
  readonly #plan: Int8Plan;
  /** By weights. */
  readonly #scales: ReadonlyMap<string, Float32Array>;

  constructor(parts: PrecisionParts, plan: Int8Plan, scales: ReadonlyMap<string, Float32Array>) {
    this.#parts = parts;
    this.#plan = plan;
    this.#scales = scales;
  }

  variable(writer: GraphWriter, name: string, dims: readonly number[]): string {
    const layer = this.#plan.layers.get(name);
    if (layer) return this.#weights(writer, layer, dims);
    const biased = this.#plan.byBiases.get(name);
    if (biased) return this.#biases(writer, name, biased);
    return writer.onnx.tensor(this.#parts.weights.tensor(name, 'float32', dims, ({ values }) => values));
  }

  #weights({ onnx }: GraphWriter, { convolution, isDense }: Layer, dims: readonly number[]): string {
    const name = convolution.weights;
    const scales = this.#scales.get(name)!;
    const outputs = scales.length;
    // A dense layer's matrix is [in, out], what others have is OIHW.
    const perOutput = isDense ? 1 : dims.slice(1).reduce((product, size) => product * size, 1);
    const tensor = this.#parts.weights.tensor(name, 'int8', dims, ({ start, values }) => {
      const whole = new Int8Array(values.length);
      for (let i = 0; i < whole.length; i++) {
        whole[i] = Math.round(values[i]! / scales[Math.floor((start + i) / perOutput) % outputs]!);
      }
      return whole;
    });
    const inputs = [
      onnx.tensor(tensor),
      onnx.tensor(tensorOf(`${name}:scale`, 'float32', [outputs], scales)),
      onnx.tensor(tensorOf(`${name}:zero_point`, 'int8', [outputs], new Int8Array(outputs))),
    ];
    return onnx.add('DequantizeLinear', inputs, { axis: isDense ? 1 : 0 });
  }

  #biases({ onnx }: GraphWriter, name: string, { convolution, input }: Layer): string {
    const scales = this.#scales.get(convolution.weights)!.map((scale) => scale * input.scale);
    const convert = ({ start, values }: { start: number; values: Float32Array }) =>
      Int32Array.from(values, (value, i) => Math.round(value / scales[start + i]!));
    const inputs = [
      onnx.tensor(this.#parts.weights.tensor(name, 'int32', [scales.length], convert)),
      onnx.tensor(tensorOf(`${name}:scale`, 'float32', [scales.length], scales)),
    ];
    return onnx.add('DequantizeLinear', inputs, { axis: 0 });
  }

  node(writer: GraphWriter, node: Node): void {
    writer.write([node]);
    const quantization = this.#plan.quantized.get(node.name);
    // These two leave every number where it is.
    if (!quantization || node.op === 'reshape' || node.op === 'dropout') return;
    const { onnx } = writer;
    const scale = onnx.tensor(tensorOf(`${node.name}:scale`, 'float32', [], Float32Array.of(quantization.scale)));
    const zero = Uint8Array.of(quantization.zeroPoint);
    const zeroPoint = onnx.tensor(tensorOf(`${node.name}:zero_point`, 'uint8', [], zero));
    const whole = onnx.add('QuantizeLinear', [writer.value(node.name), scale, zeroPoint]);
    writer.set(node.name, onnx.add('DequantizeLinear', [whole, scale, zeroPoint]));
  }

  output(writer: GraphWriter): string {
    return writer.value(this.#parts.graph.output);
  }
}

/**
 * Convolutions and dense layers of whole numbers: weights of 8 bits with a scale for each output, values of 8 bits with the
 * range that they had on images of the training data. Batch normalization is folded first, since onnxruntime does not fold
 * it into whole numbers.
 */
export const int8: WritablePrecision = {
  name: 'int8',
  description: 'a quarter of the size, and faster on most processors; less exact',
  ranged: (graph) => keptValues(foldedGraph(graph)),
  prepare: foldBatchNorm,
  async start(parts) {
    const plan = new Int8Plan(parts.graph, parts.ranges);
    const scales = new Map<string, Float32Array>();
    for (const [name, layer] of plan.layers) scales.set(name, await weightScales(parts.weights, layer));
    return new Int8Writer(parts, plan, scales);
  },
};
