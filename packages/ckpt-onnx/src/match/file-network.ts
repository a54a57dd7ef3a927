import type { Padding, Pair } from '@graftjs/core';
import type { OnnxFile, OnnxNode } from '../onnx-file.js';
import {
  type Axes,
  broadcastAxis,
  flattenedAxes,
  imageAxes,
  inputAxes,
  isImage,
  remainingAxes,
  reshapedAxes,
  sameAxes,
  transposedAxes,
  vectorAxes,
} from './axes.js';
import { type Constant, Constants, scalar, transposed } from './constants.js';
import { pairOf, windowOf, zerosOf } from './file-window.js';
import { type InputChannel, joinChannels, operateOn, selectChannel } from './input-channels.js';
import { addStep, reachOf, type Step, withoutNestedConcats } from './network.js';

/** What is done to each channel of a value, by constants that have one element a channel, or one in all. */
export type ChannelOperation =
  | { readonly kind: 'factor' | 'divisor' | 'addend' | 'subtrahend'; readonly constant: Constant }
  | {
      readonly kind: 'normalization';
      readonly scale: Constant;
      readonly bias: Constant;
      readonly mean: Constant;
      readonly variance: Constant;
      readonly epsilon: number;
    };

/** The weights of a convolution or a dense layer. */
export interface FileWeights {
  /** As a convolution has them, `[out, in / groups, height, width]`, or as a dense layer does, `[out, in]`. */
  readonly constant: Constant;
  /** What they are multiplied with. */
  readonly factor: number;
  /** The axes of what they read. */
  readonly axes: Axes | undefined;
}

/** What a file has of a step: of the input, what is done to it before the first layer. */
export interface FileLayer {
  readonly weights?: FileWeights;
  /** One after the other. */
  readonly operations: ChannelOperation[];
  /** The axis that they go along, once it is known. */
  channelAxis: string;
}

export type FileStep = Step<FileLayer>;

/** A value of the file's network that depends on its input. */
interface Value {
  readonly step: FileStep;
  /** Undefined where they are lost. */
  readonly axes: Axes | undefined;
  /** Whether it is what a layer gives, so that what is done to its channels is done to the layer. */
  readonly isOpen: boolean;
  /** Zeros that were added around it. */
  readonly zeros?: Padding;
  /** Where it is one channel of the input. */
  readonly channel?: InputChannel;
}

/** Operations on each element, or on no element at all, that leave weights what they are. */
const activations = new Set([
  ...['Relu', 'LeakyRelu', 'Clip', 'Elu', 'Selu', 'Sigmoid', 'HardSigmoid', 'HardSwish', 'Tanh', 'Softplus', 'Gelu'],
  ...['Softmax', 'LogSoftmax', 'Resize'],
]);
/** Operations that do nothing to values when a network is used. */
const identities = new Set(['Identity', 'Cast', 'Dropout']);
const arithmetic = new Map<string, 'factor' | 'divisor' | 'addend' | 'subtrahend'>([
  ['Mul', 'factor'],
  ['Div', 'divisor'],
  ['Add', 'addend'],
  ['Sub', 'subtrahend'],
]);
const pools = new Map<string, 'maxPool' | 'averagePool'>([
  ['MaxPool', 'maxPool'],
  ['AveragePool', 'averagePool'],
  ['GlobalAveragePool', 'averagePool'],
]);

/** More than follow any convolution. */
const mostOperations = 16;

/** Finds the steps of the network that a file has. */
class NetworkReader {
  readonly steps: FileStep[] = [];
  readonly #constants: Constants;
  readonly #values = new Map<string, Value>();
  /** How many times nodes read a value. */
  readonly #readers = new Map<string, number>();

  constructor(file: OnnxFile) {
    this.#constants = new Constants(file);
    for (const name of file.nodes.flatMap(({ inputs }) => inputs)) {
      this.#readers.set(name, (this.#readers.get(name) ?? 0) + 1);
    }
    for (const { name } of file.inputs) {
      const layer: FileLayer = { operations: [], channelAxis: '' };
      const step = addStep<FileLayer>(this.steps, { kind: 'input', name, inputs: [], layer });
      this.#values.set(name, { step, axes: inputAxes, isOpen: true });
    }
    for (const node of file.nodes) this.#add(node);
  }

  #add(node: OnnxNode): void {
    const inputs = node.inputs.flatMap((name) => this.#values.get(name) ?? []);
    const [first] = inputs;
    if (!first || node.operation === 'Shape' || node.operation === 'Size') return;
    const named = { ...node, name: node.name || (node.outputs[0] ?? '') };
    const given = this.#given(named, inputs) ?? this.#behind(named, 'other', inputs, undefined);
    for (const output of node.outputs) {
      this.#values.set(output, { ...given, isOpen: given.isOpen && this.#readers.get(output) === 1 });
    }
  }

  /** A step of no weights behind others. */
  #behind({ name }: OnnxNode, kind: Step<FileLayer>['kind'], inputs: readonly Value[], axes: Axes | undefined): Value {
    const step = addStep(this.steps, { kind, name, inputs: inputs.map((input) => input.step) });
    return { step, axes, isOpen: false };
  }

  /** What a node gives; undefined where it does nothing that is known. */
  #given(node: OnnxNode, inputs: readonly Value[]): Value | undefined {
    const { operation } = node;
    const value = this.#values.get(node.inputs[0] ?? '');
    if (inputs.length > 1) return this.#join(node, inputs);
    const kind = arithmetic.get(operation);
    if (kind) return this.#arithmetic(node, kind, inputs[0]!);
    if (!value) return undefined;
    if (identities.has(operation)) return value;
    if (activations.has(operation)) {
      value.step.activations.add(operation);
      return { ...value, isOpen: false };
    }
    if (operation === 'Pad') return { ...value, isOpen: false, ...zerosOf(node, value.axes, this.#constants) };
    const pool = pools.get(operation);
    if (pool) return this.#pool(node, pool, value);
    switch (operation) {
      case 'Conv':
        return this.#convolution(node, value);
      case 'Gemm':
      case 'MatMul':
        return this.#dense(node, value);
      case 'BatchNormalization':
        return this.#normalization(node, value);
      case 'ReduceMean':
        return this.#mean(node, value);
      case 'LRN':
        return this.#behind(node, 'lrn', [value], value.axes);
      default:
        return this.#layout(node, value);
    }
  }

  #join(node: OnnxNode, inputs: readonly Value[]): Value | undefined {
    if (inputs.length !== node.inputs.length) return undefined;
    const [{ axes }] = inputs as [Value];
    const same = inputs.every((input) => sameAxes(axes, input.axes)) ? axes : undefined;
    if (node.operation === 'Add' || node.operation === 'Sum') return this.#behind(node, 'add', inputs, same);
    if (node.operation !== 'Concat') return undefined;
    const input = this.#joinedInput(inputs);
    if (input) return input;
    const axis = node.attributes.get('axis')?.integer ?? 0;
    if (same && String(same.at(axis)) !== 'C') return undefined;
    return this.#behind(node, 'concat', inputs, same);
  }

  /** The input again, where its channels were taken apart and are put together as they were. */
  #joinedInput(inputs: readonly Value[]): Value | undefined {
    const operations = joinChannels(inputs.map(({ channel }) => channel));
    const [{ step }] = inputs as [Value];
    if (!operations || !inputs.every((input) => input.step === step) || step.layer!.operations.length > 0)
      return undefined;
    step.layer!.operations.push(...operations);
    step.layer!.channelAxis = '1';
    return { step, axes: inputAxes, isOpen: true };
  }

  /** Something that is done to each channel, as a part of the layer where it follows one. */
  #perChannel(node: OnnxNode, value: Value, axis: string, operation: ChannelOperation): Value {
    const { layer, kind } = value.step;
    const isAlong = kind !== 'input' || axis === '' || layer?.channelAxis === '' || axis === layer?.channelAxis;
    if (value.isOpen && isAlong && layer && layer.operations.length < mostOperations) {
      layer.operations.push(operation);
      if (axis !== '') layer.channelAxis = axis;
      return value;
    }
    const own: FileLayer = { operations: [operation], channelAxis: axis };
    const step = addStep(this.steps, { kind: 'normalization', name: node.name, inputs: [value.step], layer: own });
    return { step, axes: value.axes, isOpen: true };
  }

  #arithmetic(node: OnnxNode, kind: 'factor' | 'divisor' | 'addend' | 'subtrahend', value: Value): Value | undefined {
    const [left = '', right = ''] = node.inputs;
    const isLeft = this.#values.get(left) === value;
    if (!isLeft && (kind === 'divisor' || kind === 'subtrahend')) return undefined;
    const constant = this.#constants.get(isLeft ? right : left);
    if (value.channel) {
      const channel = operateOn(value.channel, kind, constant);
      return channel && { ...value, channel };
    }
    const axis = constant && broadcastAxis(value.axes, constant.shape);
    if (!constant || axis === undefined || (axis !== '' && axis !== 'C' && value.step.kind !== 'input'))
      return undefined;
    return this.#perChannel(node, value, axis, { kind, constant });
  }

  #normalization(node: OnnxNode, value: Value): Value | undefined {
    const [scale, bias, mean, variance] = node.inputs.slice(1).map((name) => this.#constants.get(name));
    if (!scale || !bias || !mean || !variance || !isImage(value.axes)) return undefined;
    const epsilon = node.attributes.get('epsilon')?.float ?? 1e-5;
    return this.#perChannel(node, value, 'C', { kind: 'normalization', scale, bias, mean, variance, epsilon });
  }

  #pool(node: OnnxNode, kind: 'maxPool' | 'averagePool', value: Value): Value | undefined {
    if (!isImage(value.axes)) return undefined;
    const strides = pairOf(node, 'strides');
    const isAll = node.operation === 'GlobalAveragePool';
    if (!isAll && [...pairOf(node, 'kernel_shape'), ...strides].every((size) => size === 1)) return value;
    const window = isAll ? undefined : windowOf(node, pairOf(node, 'kernel_shape'), value.zeros);
    const step = addStep(this.steps, {
      kind,
      name: node.name,
      inputs: [value.step],
      strides,
      ...(window && { window }),
    });
    return { step, axes: imageAxes, isOpen: false };
  }

  #mean(node: OnnxNode, value: Value): Value | undefined {
    const axes = this.#constants.axesOf(node);
    const over = axes?.map((axis) => value.axes?.at(axis)).join() ?? '';
    if (!axes || !value.axes || (over !== 'H,W' && over !== 'W,H')) return undefined;
    const keeps = (node.attributes.get('keepdims')?.integer ?? 1) === 1;
    return this.#behind(node, 'averagePool', [value], keeps ? value.axes : remainingAxes(value.axes, axes));
  }

  #convolution(node: OnnxNode, value: Value): Value | undefined {
    const constant = this.#constants.get(node.inputs[1] ?? '');
    const bias = node.inputs[2] ? this.#constants.get(node.inputs[2]) : undefined;
    if (constant?.shape.length !== 4 || constant.shape.includes(0) || !isImage(value.axes)) return undefined;
    if (node.inputs[2] && !bias) return undefined;
    const size: Pair = [constant.shape[2]!, constant.shape[3]!];
    const step = addStep(this.steps, {
      kind: 'convolution',
      name: node.name,
      inputs: [value.step],
      strides: pairOf(node, 'strides'),
      window: windowOf(node, size, value.zeros),
      kernel: {
        size,
        channels: constant.shape[0]!,
        groups: node.attributes.get('group')?.integer ?? 1,
        reach: reachOf(value.step.spacing, size, pairOf(node, 'dilations')),
      },
      layer: {
        weights: { constant, factor: 1, axes: value.axes },
        operations: bias ? [{ kind: 'addend', constant: bias }] : [],
        channelAxis: 'C',
      },
    });
    return { step, axes: imageAxes, isOpen: true };
  }

  #dense(node: OnnxNode, value: Value): Value | undefined {
    const number = (name: string, otherwise: number) => {
      const { integer, float } = node.attributes.get(name) ?? {};
      return integer ?? float ?? otherwise;
    };
    const isGemm = node.operation === 'Gemm';
    const found = this.#constants.get(node.inputs[1] ?? '');
    const bias = node.inputs[2] ? this.#constants.get(node.inputs[2]) : undefined;
    if (found?.shape.length !== 2 || found.shape.includes(0) || number('transA', 0) !== 0) return undefined;
    if (node.inputs[2] && !bias) return undefined;
    const constant = number('transB', 0) === 1 ? found : transposed(found, [1, 0])!;
    // alpha x W + beta c is (alpha / beta x W + c) beta.
    const [alpha, beta] = isGemm ? [number('alpha', 1), number('beta', 1)] : [1, 1];
    const hasBias = bias !== undefined && beta !== 0;
    const operations: ChannelOperation[] = hasBias ? [{ kind: 'addend', constant: bias }] : [];
    if (hasBias && beta !== 1) operations.push({ kind: 'factor', constant: scalar(beta) });
    const isPlain = value.axes?.length === 4;
    if (isPlain && String(value.axes?.[3]) !== 'C') return undefined;
    const step = addStep(this.steps, {
      kind: 'convolution',
      name: node.name,
      inputs: [value.step],
      kernel: { size: isPlain ? [1, 1] : undefined, channels: constant.shape[0]!, groups: 1, reach: [0, 0] },
      layer: {
        weights: { constant, factor: hasBias ? alpha / beta : alpha, axes: value.axes },
        operations,
        channelAxis: 'C',
      },
    });
    return { step, axes: isPlain ? value.axes : vectorAxes, isOpen: true };
  }

  #layout(node: OnnxNode, value: Value): Value | undefined {
    const { axes } = value;
    switch (node.operation) {
      case 'Transpose': {
        const order = node.attributes.get('perm')?.integers ?? axes?.map((_, axis) => axis).reverse() ?? [];
        return { ...value, axes: axes && transposedAxes(axes, order) };
      }
      case 'Flatten':
        return { ...value, axes: axes && flattenedAxes(axes) };
      case 'Reshape':
        return { ...value, axes: axes && reshapedAxes(axes, this.#constants.numbers(node.inputs[1])) };
      case 'Gather': {
        const channel = value.step.kind === 'input' && value.axes ? selectChannel(node, this.#constants) : undefined;
        return channel && { ...value, axes: undefined, channel };
      }
      case 'Unsqueeze':
        if (value.channel) return value;
        return { ...value, axes: sameAxes(axes, vectorAxes) ? imageAxes : undefined };
      case 'Squeeze':
        return { ...value, axes: axes && remainingAxes(axes, this.#constants.axesOf(node) ?? [2, 3]) };
    }
    return undefined;
  }
}

/** The steps of the network that a file has, each behind those that it reads; what nobody knows is a step of its own kind. */
export function networkOfFile(file: OnnxFile): FileStep[] {
  return withoutNestedConcats(new NetworkReader(file).steps);
}
