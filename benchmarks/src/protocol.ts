/** What a system's process is told, as JSON in its only argument. */
export interface Settings {
  /** The system's name in what is reported. */
  readonly system: string;
  /** Which variant of its program: `train`, `head`, `infer`, `restore`, `checkpoint`. */
  readonly task: string;
  /** TF-Slim's name of the network. */
  readonly network: string;
  /** Images of a step. */
  readonly batch: number;
  /** Height and width of the images in pixels. */
  readonly size: number;
  /** Steps before the measured ones. */
  readonly warmup: number;
  /** Measured steps. */
  readonly steps: number;
  /** Threads of one operation. */
  readonly threads: number;
  /** Graft's engine and where it runs. Default: the default one. */
  readonly engine?: { readonly name: string; readonly device: string };
  /** PyTorch's memory format. */
  readonly channelsLast?: boolean;
  /** A V1 checkpoint of the network at `size`. */
  readonly checkpoint?: string;
  /** An ONNX file of the network at `size`. */
  readonly exported?: string;
  /** An image folder with `train` and `test`. */
  readonly images?: string;
  /** A folder that is the process's own. */
  readonly scratch?: string;
}

/** One measured step, a line of the process's standard output. */
export interface Measure {
  readonly system: string;
  /** Images that it handled; 0 where images are not what it handles. */
  readonly images: number;
  readonly seconds: number;
  /** Of all cores together, in this process; left out where others work for it. */
  readonly cpuSeconds?: number;
}

/** The last line. */
export interface End {
  /** The most memory that the process ever had resident. */
  readonly peakBytes: number;
  /** Versions of what it ran on, by name. */
  readonly versions: Readonly<Record<string, string>>;
}
