/** A picture: RGB bytes, row by row from the top left, `height * width * 3` of them. */
export interface Picture {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** What a pixel of a mask is where no class is told: it counts neither in a loss nor in a score. */
export const voidLabel = 255;

/** A picture and what each of its pixels shows. */
export interface MaskedPicture extends Picture {
  /** A byte for each pixel, row by row from the top left: an index into the data set's `classes`, or `voidLabel`. */
  readonly mask: Uint8Array;
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
  /** URL of a module that exports `readPicture`, a function that takes a key and promises what the split's `read` does. */
  readonly url: string;
  /** The key of picture `index`: anything that can be posted to a thread, such as the path of a file. */
  key(index: number): unknown;
}

/** Pictures that are read one by one, in any order. */
export interface PictureSource<P extends Picture = Picture> {
  /** What people find picture `index` by: a file's path, or a file and a record in it. */
  id(index: number): string;
  /** Picture `index`, from 0 up; a damaged one, or one that is not there, is a `DataError` that names it. */
  read(index: number): Promise<P>;
  /**
   * Lets worker threads read the same pictures, with the same errors, so that decoding costs the calling thread nothing.
   * Without it, `read` is called here, and what it gives is copied to them.
   */
  readonly module?: PictureModule;
}

/** A part of a data set whose pictures have a class each. */
export interface Split extends PictureSource {
  /** The class of each picture, an index into the data set's `classes`; known without a picture being read. */
  readonly labels: Int32Array;
}

/** A part of a data set whose pictures have a mask each. */
export interface MaskSplit extends PictureSource<MaskedPicture> {
  /** How many pictures there are. */
  readonly count: number;
  /** How large picture `index` is, in pixels; known without its being read. */
  size(index: number): Pick<Picture, 'height' | 'width'>;
}

/** A data set, open. */
export interface OpenDataset<S extends PictureSource = Split> {
  readonly classes: readonly string[];
  /** By name: `train` and `test` are there in every data set. */
  readonly splits: Readonly<Record<string, S>>;
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
  /**
   * Gives pictures that come unsplit as one split, `all`, instead of drawing `train` and `test` of them. Default false. What
   * comes in splits stays in them.
   */
  readonly whole?: boolean;
}

interface DatasetKind {
  /** `cifar10`, `folder`. */
  readonly name: string;
  /** One line for people, with the layout that it reads. */
  readonly description: string;
  /** The name of the `Download` that brings it, for a data set that can be had as a whole: `cifar10`. */
  readonly download?: string;
}

/** A kind of data set that tells the class of each picture. A plugin registers one under `DATASET`. */
export interface Dataset extends DatasetKind {
  readonly target?: 'classes';
  open(options: DatasetOptions): Promise<OpenDataset>;
}

/** A kind of data set that tells the class of each pixel, for segmentation. A plugin registers one under `DATASET`, too. */
export interface MaskDataset extends DatasetKind {
  readonly target: 'masks';
  open(options: DatasetOptions): Promise<OpenDataset<MaskSplit>>;
}
