import type { DType, Shape } from './dtype.js';
import type { FileSystem } from './files.js';
import type { Graph } from './graph.js';
import type { ForeignInput, NameMap } from './name-map.js';

/** What a checkpoint says of one variable without its values being read. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Where a file has the variables of a graph, found by what its own network does with its tensors. */
export interface NetworkMatch {
  /**
   * Has the tensors that are named here, some of which may be made of several of the file (a bias that it leaves out, batch
   * normalization that it has folded into convolutions), and those that nothing is made of. Closing it closes the file.
   */
  readonly reader: CheckpointReader;
  /** By the variable's name. Variables of layers without a counterpart are left out. */
  readonly tensors: NameMap['tensors'];
  /** What the file calls the layer that a variable belongs to. */
  readonly layers: Readonly<Record<string, string>>;
  /** What is done to images before the first layer, where the file's network does that itself. */
  readonly input?: ForeignInput;
  /** What layers with a counterpart do otherwise apart from their weights, as sentences for people; absent where nothing is known of any. */
  readonly differences?: string;
  /** Where the two networks part, as a sentence for people; absent where each layer has a counterpart. */
  readonly parting?: string;
}

/** An open checkpoint. Opening reads the index only; values are read one variable at a time. */
export interface CheckpointReader {
  /** Every variable, sorted by name. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** What the file says of itself, by names that its writer chose; absent where the format has no room for that. */
  readonly metadata?: ReadonlyMap<string, string>;
  /**
   * The values of one variable: little-endian, row-major, as many bytes as its type and shape say. They go straight
   * into `into` where it is given (it must have that size) and is then what is returned. A variable of strings is
   * refused (`checkpoint/string-variable`): read it with `readStrings`.
   */
  read(name: string, into?: Uint8Array): Promise<Uint8Array>;
  /**
   * Fills `into` with the bytes of a variable from `position` on, counted as `read` gives them; absent where the format
   * cannot have a part without the whole.
   */
  readPart?(name: string, position: number, into: Uint8Array): Promise<void>;
  /** The elements of a variable of strings, row-major, each as the bytes that were stored. */
  readStrings(name: string): Promise<Uint8Array[]>;
  /**
   * Finds a graph's variables by walking the file's network and the graph in step; absent where a format holds variables and no
   * network.
   */
  match?(graph: Graph): NetworkMatch;
  close(): Promise<void>;
}

/** One variable to be written. */
export interface TensorSource extends TensorInfo {
  /**
   * Called once, when its turn comes: little-endian row-major bytes, or for strings one array an element. What it gives is
   * used up before the next one is called.
   */
  read(): Promise<Uint8Array | readonly Uint8Array[]> | Uint8Array | readonly Uint8Array[];
}

/** What may be written beside the variables. */
export interface CheckpointWriteOptions {
  /** As `CheckpointReader.metadata`; formats without `keepsMetadata` leave it out. */
  readonly metadata?: ReadonlyMap<string, string>;
}

/** A way to keep variables in files. A plugin registers one under `CHECKPOINT_FORMAT`. */
export interface CheckpointFormat {
  /** `family-variant` in lower case: `slim-v2`. */
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /** True where `write` keeps metadata. */
  readonly keepsMetadata?: true;
  /** Types that the format lacks and `write` keeps as others, where each value fits: int64 as int32. Default none. */
  readonly keptAs?: Readonly<Partial<Record<DType, DType>>>;
  /** True where `path` names a checkpoint of this format; decided by a few bytes, never by the whole file. */
  recognises(path: string, files: FileSystem): Promise<boolean>;
  /** Opens the checkpoint at `path`; a damaged or foreign file is a `CheckpointError` that names file and place. */
  open(path: string, files: FileSystem): Promise<CheckpointReader>;
  /** Writes all variables under `path`, atomically; absent where the format can only be read. */
  write?(
    path: string,
    tensors: Iterable<TensorSource>,
    files: FileSystem,
    options?: CheckpointWriteOptions,
  ): Promise<void>;
  /**
   * Notes in a folder which checkpoints are kept there, by their paths, the newest last, for other programs that read the
   * format (TensorFlow's file `checkpoint`), atomically; absent where the format has no such note.
   */
  writeState?(folder: string, paths: readonly string[], files: FileSystem): Promise<void>;
  /** The files that make up the checkpoint at `path`, to be counted or removed together. */
  filesOf(path: string, files: FileSystem): Promise<string[]>;
}
