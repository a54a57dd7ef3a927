/** A picture: RGB bytes, row by row from the top left, `height * width * 3` of them. */
export interface Picture {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** Decodes picture files. A plugin registers one under `PICTURE_READER`. */
export interface PictureReader {
  /** What it decodes with: `sharp`. */
  readonly name: string;
  /** Decodes the file at `path`, upright, to sRGB; what cannot be decoded is a `DataError` that names it. */
  read(path: string): Promise<Picture>;
}

/** How a worker thread reads the pictures of a split by itself. */
export interface PictureModule {
  /** URL of a module that exports `readPicture`, a function that takes a key and promises a `Picture`. */
  readonly url: string;
  /** The key of picture `index`: anything that can be posted to a thread, such as the path of a file. */
  key(index: number): unknown;
}

/** A part of a data set, read picture by picture in any order. */
export interface Split {
  /** The class of each picture, an index into the data set's `classes`; known without a picture being read. */
  readonly labels: Int32Array;
  /** What people find picture `index` by: a file's path, or a file and a record in it. */
  id(index: number): string;
  /** Picture `index`, 0 to below `labels.length`; a damaged one is a `DataError` that names it. */
  read(index: number): Promise<Picture>;
  /**
   * Lets worker threads read the same pictures, with the same errors, so that decoding costs the calling thread nothing.
   * Without it, `read` is called here, and what it gives is copied to them.
   */
  readonly module?: PictureModule;
}

/** A data set, open. */
export interface OpenDataset {
  readonly classes: readonly string[];
  /** By name: `train` and `test` are there in every data set. */
  readonly splits: Readonly<Record<string, Split>>;
  /** What was left out, and why. */
  readonly skipped: readonly { readonly id: string; readonly reason: string }[];
  close(): Promise<void>;
}

/** Where and how a data set is opened. */
export interface DatasetOptions {
  /** The folder that it lies in. */
  readonly folder: string;
  /** For whatever the data set draws, such as a split. Default 0. */
  readonly seed?: number;
  /** What is done about pictures that cannot be decoded: `refuse` (an error, the default) or `skip` and list them. */
  readonly corrupt?: 'refuse' | 'skip';
}

/** A kind of data set. A plugin registers one under `DATASET`. */
export interface Dataset {
  /** `cifar10`, `folder`. */
  readonly name: string;
  /** One line for people, with the layout that it reads. */
  readonly description: string;
  /** The name of the `Download` that brings it, for a data set that can be had as a whole: `cifar10`. */
  readonly download?: string;
  open(options: DatasetOptions): Promise<OpenDataset>;
}
