/** A number that an optimizer keeps: for each element of each trained variable (a slot), or once (a scalar). */
export interface OptimizerState {
  /** As TensorFlow names it in a checkpoint: a slot below its variable (`vgg_16/fc8/weights/Momentum`), a scalar bare. */
  readonly name: string;
  /** Before the first update. */
  readonly initial: number;
}

/** Changes weights by their gradients. All arithmetic is TensorFlow's. */
export interface Optimizer {
  readonly name: string;
  readonly slots: readonly OptimizerState[];
  /** What is kept once and not for each element, such as Adam's `beta1_power`. */
  readonly scalars: readonly OptimizerState[];
  /**
   * Weight decay is the optimizer's own matter: it is handed to `update`, and joins neither the loss nor the gradient.
   * Default false.
   */
  readonly decoupledDecay?: boolean;
  /**
   * Updates one variable in place, element by element: all arrays but `scalars` are as long as the variable, or are the
   * same part of each, since an engine may hand over a large variable in parts.
   * @param slots in the order of `this.slots`; changed in place
   * @param scalars in the order of `this.scalars`; only read here
   * @param weightDecay the variable's with `decoupledDecay`, else 0: the gradient has it already
   */
  update(
    weights: Float32Array,
    gradient: Float32Array,
    slots: readonly Float32Array[],
    learningRate: number,
    scalars: Float32Array,
    weightDecay: number,
  ): void;
  /** Changes the scalars in place when all variables are updated; absent where there are none. */
  advance?(scalars: Float32Array): void;
}

/** The learning rate of update `step` (0 at the first): TensorFlow's `global_step`. */
export type Schedule = (step: number) => number;
