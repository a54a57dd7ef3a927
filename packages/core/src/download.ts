/** What an archive holds that is wanted, and what it may become at most. */
export interface Archive {
  readonly format: 'tar' | 'tar.gz';
  /** The file or folder at the archive's top that is kept; what lies beside it is left out. */
  readonly entry: string;
  /** The most bytes that the archive, decompressed, may hold: more is refused. */
  readonly bytes: number;
  /** The most files and folders that it may hold. */
  readonly entries: number;
}

/** A network that a published checkpoint is of: what is to be known to use it as it was trained. */
export interface Pretrained {
  /** The backbone by name: `vgg_16`. */
  readonly model: string;
  /** What it was trained on: `ILSVRC2012`. */
  readonly dataset: string;
  /** The classes of that, in the order of their labels, which count from 1; 0 is the background. */
  readonly classNames: readonly string[];
  /** Outputs of the network. */
  readonly classes: number;
  /**
   * Slim's `labels_offset`: the output that stands for a class is its label less this. With 1 there is no output for the
   * background.
   */
  readonly labelOffset: 0 | 1;
  /** Height and width of the images that it is evaluated with. */
  readonly size: number;
  /** How it is evaluated, by name: `vgg` or `inception`. */
  readonly preprocessing: string;
  /** What its publishers measured. */
  readonly accuracy: {
    /** Shares, 0 to 1. */
    readonly top1: number;
    readonly top5: number;
    /** Who says so, and of what. */
    readonly source: string;
  };
}

/** A file on the web and how it is known to be the right one. A plugin registers one under `DOWNLOAD`. */
export interface Download {
  /** `cifar10`, `vgg_16`. */
  readonly name: string;
  /** One line for people. */
  readonly description: string;
  /** What its owners allow, in few words, or where they say so. */
  readonly licence: string;
  /** The official address, `https://...`; its last part is the file's name. */
  readonly address: string;
  /** Size of the file; absent where none is published: then it may be at most as large as what its archive may hold. */
  readonly bytes?: number;
  /**
   * Of the file, in lower-case hexadecimal. MD5 only where nothing better is published; absent where nothing is: then what
   * comes is taken as it is, and its SHA-256 noted, so that later changes are found.
   */
  readonly hash?: { readonly algorithm: 'sha256' | 'md5'; readonly value: string };
  /** Where the file is to be unpacked; absent where it is wanted as it is. */
  readonly archive?: Archive;
  /** Where it is a checkpoint: of what. */
  readonly pretrained?: Pretrained;
}
