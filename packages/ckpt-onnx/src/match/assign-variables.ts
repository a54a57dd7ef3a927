import { type BatchNormNode, elementCount, type ForeignTensor, type Shape } from '@graftjs/core';
import type { Constant } from './constants.js';
import { type ChannelReader, constantsOf, type DerivedTensor } from './derived-tensors.js';
import type { ChannelOperation, FileStep, FileWeights } from './file-network.js';
import type { GraphLayer } from './graph-network.js';
import type { Step } from './network.js';

/** The axes of a dense layer's variable that features were before they were put into one row. */
const featureAxes: Readonly<Record<string, number>> = { H: 0, W: 1, C: 2 };

/**
 * A constant's tensor as that of a variable.
 * @param groups for each axis of the constant those of the variable, outermost first
 */
function foreignTensor(
  { tensor, axes }: Constant,
  groups: readonly (readonly number[])[],
  variable: Shape,
): ForeignTensor {
  const found = tensor.shape.map((): number[] => []);
  for (const [place, group] of groups.entries()) {
    const own = axes[place] ?? [];
    const left = [...group];
    for (const axis of own) {
      for (let size = 1; size < tensor.shape[axis]! && left.length > 0; ) {
        const next = left.shift()!;
        found[axis]!.push(next);
        size *= variable[next]!;
      }
    }
    found[own.at(-1) ?? 0]?.push(...left);
  }
  return { name: tensor.name, axes: found.map((group) => (group.length === 1 ? group[0]! : group)) };
}

/** Which axes of a variable each axis of its weights in the file is; undefined where that cannot be told. */
function weightGroups({ constant, axes }: FileWeights, variable: Shape, groups: number): number[][] | undefined {
  if (constant.shape.length === 4) {
    const isDepthwise = groups > 1 && variable[2] === groups;
    return isDepthwise ? [[2, 3], [], [0], [1]] : [[3], [2], [0], [1]];
  }
  const features = axes?.at(-1)?.map((label) => featureAxes[label]);
  if (elementCount(variable.slice(0, 2)) === 1 || features?.length === 1) return [[3], [0, 1, 2]];
  const isKnown = features !== undefined && String([...features].sort()) === '0,1,2';
  return isKnown ? [[3], features as number[]] : undefined;
}

const multiplies = ({ kind }: ChannelOperation): boolean => kind !== 'addend' && kind !== 'subtrahend';
const adds = ({ kind }: ChannelOperation): boolean => kind !== 'factor' && kind !== 'divisor';

/** Whether a layer of the file has nothing that the graph's has no variable for. */
export function fitsLayer(
  { layer: graph }: Step<GraphLayer>,
  { layer: file, kernel }: FileStep,
  shapes: ReadonlyMap<string, Shape>,
): boolean {
  if (!graph) return true;
  const { convolution, batchNorm, biases } = graph;
  if (!convolution) return file !== undefined;
  if (!file?.weights || !weightGroups(file.weights, shapes.get(convolution.weights)!, kernel?.groups ?? 1))
    return false;
  return batchNorm !== undefined || biases !== undefined || !file.operations.some(adds);
}

/** Where the variables of a graph are. */
export interface Assignments {
  readonly tensors: Record<string, ForeignTensor>;
  /** What the file calls the layer of a variable. */
  readonly layers: Record<string, string>;
  readonly derived: DerivedTensor[];
}

/** Finds the values of the variables of one layer. */
class LayerAssignment {
  readonly #step: FileStep;
  readonly #operations: readonly ChannelOperation[];
  readonly #channels: number;
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #into: Assignments;

  constructor(step: FileStep, shapes: ReadonlyMap<string, Shape>, into: Assignments) {
    this.#step = step;
    this.#operations = step.layer?.operations ?? [];
    this.#channels = step.kernel?.channels ?? channelsOf(this.#operations);
    this.#shapes = shapes;
    this.#into = into;
  }

  #assign(variable: string, tensor: ForeignTensor): void {
    this.#into.tensors[variable] = tensor;
    this.#into.layers[variable] = this.#step.name;
  }

  #derive(what: string, tensor: Omit<DerivedTensor, 'name'>): string {
    const called = `${this.#step.name} (${what})`;
    const twice = this.#into.derived.filter(({ name }) => name.startsWith(called)).length;
    const name = twice === 0 ? called : `${called} ${twice + 1}`;
    this.#into.derived.push({ name, ...tensor });
    return name;
  }

  /** A variable of one element a channel that is made of what is done to the channels. */
  #vector(
    variable: string,
    what: string,
    operations: readonly ChannelOperation[],
    values: (channels: ChannelReader, count: number) => Promise<Float64Array>,
  ): void {
    const sources = operations.flatMap(constantsOf).map(({ tensor }) => tensor.name);
    const shape = [this.#channels];
    const name = this.#derive(what, { shape, sources, values: (channels) => values(channels, this.#channels) });
    this.#assign(variable, { name, axes: [0] });
  }

  #filled(variable: string, what: string, value: number): void {
    this.#vector(variable, what, [], async (_, count) => new Float64Array(count).fill(value));
  }

  /** A variable of one element a channel that is a constant as it is, if it has so many. */
  #constant(variable: string, what: string, constant: Constant): void {
    if (elementCount(constant.shape) !== 1 || this.#channels === 1) {
      const flat: Constant = { ...constant, axes: [constant.axes.flat()] };
      this.#assign(variable, foreignTensor(flat, [[0]], this.#shapes.get(variable)!));
    } else {
      const operation = { kind: 'addend', constant } as const;
      this.#vector(variable, what, [operation], (channels, count) => channels.read(constant, count));
    }
  }

  /** What is added in the end, all in all. */
  #addends(variable: string, what: string): void {
    const [first, ...others] = this.#operations;
    if (!first) this.#filled(variable, `no ${what}`, 0);
    else if (first.kind === 'addend' && others.length === 0) this.#constant(variable, what, first.constant);
    else {
      this.#vector(variable, what, this.#operations, async (channels, count) => {
        return (await channels.affine(this.#operations, count)).addends;
      });
    }
  }

  /** The weights, multiplied with what the channels are multiplied with by operations that are left for them. */
  #weights(variable: string, operations: readonly ChannelOperation[]): void {
    const { weights } = this.#step.layer!;
    if (!weights) return;
    const { constant, factor } = weights;
    const shape = this.#shapes.get(variable)!;
    const foreign = foreignTensor(constant, weightGroups(weights, shape, this.#step.kernel?.groups ?? 1)!, shape);
    if (factor === 1 && !operations.some(multiplies)) {
      this.#assign(variable, foreign);
      return;
    }
    const { tensor, axes } = constant;
    const last = axes[0]!.at(-1) ?? tensor.shape.length - 1;
    const name = this.#derive('weights', {
      shape: tensor.shape,
      sources: [tensor.name, ...operations.flatMap(constantsOf).map((used) => used.tensor.name)],
      values: async (channels) => {
        const { factors } = await channels.affine(operations, this.#channels);
        return factors.map((value) => factor * value);
      },
      scales: { tensor: tensor.name, inner: elementCount(tensor.shape.slice(last + 1)) },
    });
    this.#assign(variable, { ...foreign, name });
  }

  convolution(variable: string, biases: string | undefined): void {
    this.#weights(variable, this.#operations);
    if (biases !== undefined) this.#addends(biases, 'bias');
  }

  /** @param weights the variable of the convolution before it, where there is one */
  normalization(node: BatchNormNode, weights: string | undefined): void {
    const last = this.#operations.at(-1);
    const before = this.#operations.slice(0, -1);
    if (last?.kind === 'normalization' && !before.some(multiplies)) this.#apart(node, weights, before, last);
    else this.#folded(node, weights);
  }

  /** Batch normalization as it is. */
  #apart(
    { gamma, beta, movingMean, movingVariance, epsilon }: BatchNormNode,
    weights: string | undefined,
    before: readonly ChannelOperation[],
    own: ChannelOperation & { readonly kind: 'normalization' },
  ): void {
    // Without a gamma here, it goes into what is normalized.
    const scaling = gamma === undefined ? [{ kind: 'factor', constant: own.scale } as const] : [];
    if (weights !== undefined) this.#weights(weights, scaling);
    if (gamma !== undefined) this.#constant(gamma, 'scale', own.scale);
    this.#constant(beta, 'bias', own.bias);
    if (before.length === 0 && scaling.length === 0) this.#constant(movingMean, 'mean', own.mean);
    else {
      const shift = [{ kind: 'addend', constant: own.mean } as const, ...before.map(negated), ...scaling];
      this.#vector(movingMean, 'mean', shift, async (channels, count) => (await channels.affine(shift, count)).addends);
    }
    const difference = own.epsilon - Math.fround(epsilon);
    if (difference === 0) this.#constant(movingVariance, 'variance', own.variance);
    else {
      const moved = [{ kind: 'addend', constant: own.variance } as const];
      this.#vector(movingVariance, 'variance', moved, async (channels, count) => {
        return (await channels.read(own.variance, count)).map((value) => value + difference);
      });
    }
  }

  /** Batch normalization that is in the weights and what is added: one that leaves its input as it is, but for that. */
  #folded({ gamma, beta, movingMean, movingVariance, epsilon }: BatchNormNode, weights: string | undefined): void {
    const operations = this.#operations;
    if (weights !== undefined) this.#weights(weights, gamma === undefined ? operations : []);
    if (gamma !== undefined) {
      if (!operations.some(multiplies)) this.#filled(gamma, 'folded scale', 1);
      else {
        this.#vector(gamma, 'folded scale', operations, async (channels, count) => {
          return (await channels.affine(operations, count)).factors;
        });
      }
    }
    this.#addends(beta, 'bias');
    this.#filled(movingMean, 'folded mean', 0);
    this.#filled(movingVariance, 'folded variance', 1 - epsilon);
  }
}

const negated = (operation: ChannelOperation): ChannelOperation =>
  operation.kind === 'addend' || operation.kind === 'subtrahend'
    ? { kind: operation.kind === 'addend' ? 'subtrahend' : 'addend', constant: operation.constant }
    : operation;

/** As many channels as the longest constant has elements. */
function channelsOf(operations: readonly ChannelOperation[]): number {
  return Math.max(1, ...operations.flatMap(constantsOf).map(({ shape }) => elementCount(shape)));
}

/** Finds the values of the variables of layers that are the same in both networks. */
export function assignVariables(
  pairs: ReadonlyMap<Step<GraphLayer>, FileStep>,
  shapes: ReadonlyMap<string, Shape>,
): Assignments {
  const into: Assignments = { tensors: {}, layers: {}, derived: [] };
  for (const [{ layer }, step] of pairs) {
    if (!layer) continue;
    const assignment = new LayerAssignment(step, shapes, into);
    const { convolution, batchNorm, biases } = layer;
    if (batchNorm) assignment.normalization(batchNorm, convolution?.weights);
    else if (convolution) assignment.convolution(convolution.weights, biases);
  }
  return into;
}
