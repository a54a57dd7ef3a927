import type { BatchStatistics } from './batch-statistics.js';
import type { Shape } from './dtype.js';
import type { Graph } from './graph.js';
import type { Optimizer } from './optimizer.js';

/** Some examples: as many as `labels` are. */
export interface Batch {
  /** The graph's input, one example after the other: images are NHWC bytes. */
  readonly inputs: Uint8Array | Float32Array;
  /** The class of each. */
  readonly labels: Int32Array;
  /** How much each counts in the loss. Default: 1 / the number of examples, which makes the loss their mean. */
  readonly weights?: Float32Array;
  /** For dropout's masks, a 32-bit whole number: the same seed drops the same elements. Default 0. */
  readonly seed?: number;
}

/** Some images and what each of their pixels shows, for a graph with logits `[height, width, classes]`. */
export interface MaskBatch {
  /** The graph's input, one example after the other: images are NHWC bytes. */
  readonly inputs: Uint8Array | Float32Array;
  /** `[examples, height, width]`: the class of each pixel, or `voidLabel`, which counts nothing. */
  readonly masks: Uint8Array;
  /**
   * How much a pixel of each class counts in the loss. Default: 1 / the number of labelled pixels, those that are not void,
   * which makes the loss their mean; a batch without any has loss and gradients of 0.
   */
  readonly classWeights?: Float32Array;
  /** For dropout's masks; see `Batch`. */
  readonly seed?: number;
}

/** What a batch gave. */
export interface BatchResult {
  /** Softmax cross-entropy with the smoothed labels, each example (or pixel) times its weight, added up; without weight decay. */
  readonly loss: number;
  /** The same of the graph's auxiliary outputs, each times its weight there; 0 where it has none. */
  readonly auxiliaryLoss: number;
  /** `[examples, classes]`, or of masks `[examples, height, width, classes]`, row-major. */
  readonly logits: Float32Array;
}

/** A graph with its variables in an engine's memory, to be run. All values are in TF-Slim's layout, row-major. */
export interface Session {
  readonly graph: Graph;
  /**
   * Every variable by name, and in a training session what the optimizer keeps: slots (`NAME/Momentum`) and scalars
   * (`beta1_power`, of shape `[]`).
   */
  readonly variables: ReadonlyMap<string, Shape>;
  /** Sets a variable or slot; its length must be the shape's. */
  write(name: string, values: Float32Array): void;
  /**
   * Has `load` put the values of a variable or slot into an array that it is given. It is the engine's own where that has
   * TF-Slim's layout, so that nothing large is in memory twice: until this ends nothing may run, and where `load` fails, what
   * it had put there stays.
   */
  fill(name: string, load: (into: Float32Array) => Promise<void>): Promise<void>;
  /** Copies a variable or slot out, into `into` where it is given. */
  read(name: string, into?: Float32Array): Float32Array;
  /**
   * Runs the graph as in use (no dropout).
   * @param count the number of examples in `inputs`
   * @param endPoints names of end points or nodes; default: the output
   * @returns by the same names, `[count, ...shape]`
   */
  predict(
    inputs: Uint8Array | Float32Array,
    count: number,
    endPoints?: readonly string[],
  ): Promise<Map<string, Float32Array>>;
  /** Frees the memory; the session cannot be used any more. */
  close(): Promise<void>;
}

/** What is trained, and how. */
export interface TrainingOptions {
  /** Names of variables. The others get no gradient and no slot, and nothing is computed below the lowest of these. */
  readonly trainable: readonly string[];
  readonly optimizer: Optimizer;
  /** Which batch normalizations use the batch's own statistics. Default `trained`: those that are trained themselves. */
  readonly batchStatistics?: BatchStatistics;
  /**
   * Slim's: `weightDecay * sum(w^2) / 2` over every decayed variable joins the loss. An optimizer with `decoupledDecay` gets
   * it for the decayed variables instead. Default 0.
   */
  readonly weightDecay?: number;
  /**
   * What of each label's probability is spread evenly over all classes, from 0 to below 1, as `label_smoothing` of
   * `tf.losses.softmax_cross_entropy`. Default 0.
   */
  readonly labelSmoothing?: number;
  /** Before the optimizer, elements of the gradient with weight decay are held from `-clipValue` to `clipValue`. Default: no limit. */
  readonly clipValue?: number;
  /** After that, the norm of the gradient over all trained variables is held to this. See `clipScale`. Default: no limit. */
  readonly clipNorm?: number;
  /** What the learning rate is multiplied by for a variable. Default: 1 for each. */
  readonly multipliers?: ReadonlyMap<string, number>;
}

/** A session that learns: any number of `accumulate`, then one `update`. */
export interface TrainingSession extends Session {
  /**
   * Runs a batch forward and backward and adds its gradients to those since the last update. Batch normalizations that use
   * the batch's own statistics have moved their moving averages when it ends.
   */
  accumulate(batch: Batch | MaskBatch): Promise<BatchResult>;
  /** The gradient so far of the whole loss, with auxiliary ones and weight decay, before any clipping, by a trained variable's name. A copy. */
  gradient(name: string): Float32Array;
  /** The part of the loss that is weight decay, over trained and frozen variables, as Slim counts it. */
  decayLoss(): number;
  /** Clips the gradients, applies the optimizer to every trained variable, and forgets them. */
  update(learningRate: number): Promise<void>;
}

/**
 * The bytes that a session takes at most beyond what the process has without it, by the number of examples that it is given
 * at once: variables, what an optimizer keeps, working memory, and the runtime's own.
 */
export type MemoryUse = (examples: number) => number;

/** Where a session runs. */
export interface SessionOptions {
  /** One of the engine's `devices`. Default: the first, or the first that works here where the engine can tell. */
  readonly device?: string;
  /** Threads of one operation. Default: as many as there are cores. */
  readonly threads?: number;
}

/** Something that this machine lacks. */
export interface Lack {
  /** `there is no NVIDIA driver (libcuda.so.1)` */
  readonly what: string;
  /** What to do about it, with the command where there is one. */
  readonly remedy?: string;
}

/** Whether an engine can run on one of its devices, on this machine. */
export interface DeviceReport {
  /** One of the engine's `devices`. */
  readonly device: string;
  /** Why it cannot; empty where it can. */
  readonly lacks: readonly Lack[];
}

/** What an engine finds on this machine. */
export interface EngineReport {
  /** The library that it runs on, with its version: `onnxruntime-node 1.30.0`. */
  readonly runtime: string;
  /** All of the engine's `devices`. */
  readonly devices: readonly DeviceReport[];
}

/** Runs graphs. A plugin registers one under `ENGINE`. Its layouts are its own matter. */
export interface Engine {
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /** `cpu` and what else it can run on. */
  readonly devices: readonly string[];
  /** Variables start as zeros: write them before running. */
  open(graph: Graph, options?: SessionOptions): Promise<Session>;
  /** Variables start as zeros, slots at their initial values. */
  openTraining(graph: Graph, training: TrainingOptions, options?: SessionOptions): Promise<TrainingSession>;
  /** Tries what it can run on here, which may take seconds. Absent where an engine cannot tell. */
  probe?(): Promise<EngineReport>;
  /** What `openTraining` and a step will take, before anything is opened. Absent where the engine cannot tell. */
  trainingMemory?(graph: Graph, training: TrainingOptions, options?: SessionOptions): Promise<MemoryUse>;
  /** What `open` and a prediction of the graph's output will take. Absent where the engine cannot tell. */
  predictionMemory?(graph: Graph, options?: SessionOptions): Promise<MemoryUse>;
}
