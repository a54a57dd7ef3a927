import type { Padding, Pair } from '@graftjs/core';

/** What a step of a network does with values, so far as it has to be the same in two networks that are to share weights. */
export type StepKind =
  | 'input'
  | 'convolution'
  | 'normalization'
  | 'add'
  | 'concat'
  | 'maxPool'
  | 'averagePool'
  | 'lrn'
  | 'other';

/** How a convolution or a pooling goes over its image: what no weight tells. */
export interface Window {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
  /** With what a step before adds around the image; undefined where a file leaves it to the size of the image. */
  readonly padding: Padding | undefined;
  /** Whether an average is over the zeros around the image, too. */
  readonly countsPadding: boolean;
}

/** What is known of a convolution, or of a dense layer, beside its weights. */
export interface Kernel {
  /** Undefined where it is as large as what it reads: a dense layer. */
  readonly size: Pair | undefined;
  readonly channels: number;
  readonly groups: number;
  /**
   * How far apart, in pixels of the image, the places are that it reads; 0 along an axis of which it reads one. That says
   * where a network strides, and is the same where it dilates instead.
   */
  readonly reach: Pair;
}

/**
 * A step of a network: a convolution with all that is added to it and multiplied with it, a pooling, a join. Activations,
 * dropout and changes of layout are none.
 */
export interface Step<Layer> {
  readonly kind: StepKind;
  /** As the network calls it. */
  readonly name: string;
  inputs: readonly Step<Layer>[];
  /** Those that read it, each once. */
  readers: Step<Layer>[];
  /** How many pixels of the image lie from one of its places to the next. */
  readonly spacing: Pair;
  readonly kernel?: Kernel;
  readonly window?: Window;
  /** Whether what it gives is known to have a single place. */
  readonly isPoint?: boolean;
  /** What is done to each element of what it gives before others read it, by ONNX's names. */
  readonly activations: Set<string>;
  /** The weights, and what else a network says of a convolution or a normalization. */
  readonly layer?: Layer;
}

/** Adds a step behind those that it reads. */
export function addStep<Layer>(
  steps: Step<Layer>[],
  { strides = [1, 1], ...step }: Omit<Step<Layer>, 'readers' | 'spacing' | 'activations'> & { readonly strides?: Pair },
): Step<Layer> {
  const [height, width] = step.inputs[0]?.spacing ?? [1, 1];
  const added: Step<Layer> = {
    ...step,
    readers: [],
    activations: new Set(),
    spacing: [height * strides[0], width * strides[1]],
  };
  steps.push(added);
  for (const input of new Set(step.inputs)) input.readers.push(added);
  return added;
}

/** More branches than any network joins. */
const mostBranches = 64;

/**
 * Makes one of values that are put side by side and then beside others, where nobody else reads them: some exporters do so.
 * @returns the steps that are left
 */
export function withoutNestedConcats<Layer>(steps: readonly Step<Layer>[]): Step<Layer>[] {
  const gone = new Set<Step<Layer>>();
  for (const step of steps) {
    if (step.kind !== 'concat') continue;
    const isNested = ({ kind, readers }: Step<Layer>) => kind === 'concat' && readers.length === 1;
    const inputs = step.inputs.flatMap((input) => (isNested(input) ? input.inputs : [input]));
    if (inputs.length > mostBranches) continue;
    for (const input of step.inputs) if (isNested(input)) gone.add(input);
    step.inputs = inputs;
  }
  const left = steps.filter((step) => !gone.has(step));
  for (const step of left) step.readers = [];
  for (const step of left) for (const input of new Set(step.inputs)) input.readers.push(step);
  return left;
}

/** `Kernel.reach`. */
export function reachOf(spacing: Pair, size: Pair, dilations: Pair): Pair {
  const along = (axis: 0 | 1) => (size[axis] > 1 ? spacing[axis] * dilations[axis] : 0);
  return [along(0), along(1)];
}
