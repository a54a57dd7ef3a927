import type { FileSystem } from './files.js';
import type { Graph } from './graph.js';

/** The least and the largest value that a node has had. */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
}

/** A network with its weights, to be exported. */
export interface TrainedNetwork {
  readonly graph: Graph;
  /** Fills `into` with the values of a variable from element `start` on, row-major in TF-Slim's layout. */
  read(variable: string, start: number, into: Float32Array): Promise<void>;
}

/** How numbers are kept in an exported file. */
export interface ExportPrecision {
  /** `float32`, `float16`, `int8`. */
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /**
   * The most that a logarithm of a probability may differ from the trainer's, as a share of the largest one's size; of masks, that
   * the trainer's logit of a pixel's class may be below that of the class that it has most of. Absent
   * where numbers are so coarse that only the accuracy can tell whether the file is any good.
   */
  readonly tolerance?: number;
  /**
   * The nodes whose ranges of values it has to know. Present where numbers are rounded, so that the accuracy of the file has
   * to be measured.
   */
  ranged?(graph: Graph): readonly string[];
}

/** What an exporter writes besides the graph and its weights. */
export interface ExportOptions {
  /** One of the exporter's `precisions` by name. */
  readonly precision: string;
  /** Of the nodes that `ranged` asks for. */
  readonly ranges?: ReadonlyMap<string, ValueRange>;
  /** What the file says of the network to people: a few lines. */
  readonly description: string;
}

/** An exported file, open to be run by a runtime of its own. */
export interface ExportedNetwork {
  /**
   * @param images `count` of them as the graph takes them: NHWC bytes
   * @returns the probabilities of the classes, `[count, classes]`; of a segmenter the class of each pixel, `[count, height, width]`
   */
  predict(images: Uint8Array, count: number): Promise<Float32Array | Uint8Array>;
  close(): Promise<void>;
}

/** Writes trained networks as files for other programs. A plugin registers one under `EXPORTER`. */
export interface Exporter {
  /** `onnx`. */
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /** What the names of its files end in: `.onnx`. */
  readonly ending: string;
  /** The default first. */
  readonly precisions: readonly ExportPrecision[];
  /**
   * Writes a file that takes images and gives what the network makes of them: where that gives a logit for each class, their
   * probabilities; where it gives one for each class and pixel, the likeliest class of each pixel.
   * @param path where nothing is yet
   * @returns the names of what was written into the folder of `path`: the file itself last, after those that it needs
   * @throws ExportError `export/unsupported`, `export/overflow`; what reading the network and writing the file throws
   */
  write(path: string, network: TrainedNetwork, options: ExportOptions, files: FileSystem): Promise<readonly string[]>;
  /** Adds to what a file that `write` wrote says of itself, by name; a name is given once. */
  annotate(path: string, metadata: ReadonlyMap<string, string>, files: FileSystem): Promise<void>;
  /**
   * Opens a file on this machine's disk.
   * @throws ExportError `export/run` where the runtime refuses it, here or in `predict`
   */
  open(path: string): Promise<ExportedNetwork>;
}
