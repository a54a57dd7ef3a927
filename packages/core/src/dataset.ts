/** An image: RGB bytes, row by row from the top left, `height * width * 3` of them. */
export interface Image {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/** What a pixel of a mask is where no class is told: it counts neither in a loss nor in a score. */
export const voidLabel = 255;

/** An image and what each of its pixels shows. */
export interface MaskedImage extends Image {
  /** A byte for each pixel, row by row from the top left: an index into the data set's `classes`, or `voidLabel`. */
  readonly mask: Uint8Array;
}

/** Decodes image files. A plugin registers one under `IMAGE_READER`. */
export interface ImageReader {
  /** What it decodes with: `sharp`. */
  readonly name: string;
  /** Decodes the file at `path`, upright, to sRGB; what cannot be decoded is a `DataError` that names it. */
  read(path: string): Promise<Image>;
}

/** How a worker thread reads the images of a split by itself. */
export interface ImageModule {
  /** URL of a module that exports `readImage`, a function that takes a key and promises what the split's `read` does. */
  readonly url: string;
  /** The key of image `index`: anything that can be posted to a thread, such as the path of a file. */
  key(index: number): unknown;
}

/** Images that are read one by one, in any order. */
export interface ImageSource<P extends Image = Image> {
  /** What people find image `index` by: a file's path, or a file and a record in it. */
  id(index: number): string;
  /** Image `index`, from 0 up; a damaged one, or one that is not there, is a `DataError` that names it. */
  read(index: number): Promise<P>;
  /**
   * Lets worker threads read the same images, with the same errors, so that decoding costs the calling thread nothing.
   * Without it, `read` is called here, and what it gives is copied to them.
   */
  readonly module?: ImageModule;
}

/** A part of a data set whose images have a class each. */
export interface Split extends ImageSource {
  /** The class of each image, an index into the data set's `classes`; known without an image being read. */
  readonly labels: Int32Array;
}

/** A part of a data set whose images have a mask each. */
export interface MaskSplit extends ImageSource<MaskedImage> {
  /** How many images there are. */
  readonly count: number;
  /** How large image `index` is, in pixels; known without its being read. */
  size(index: number): Pick<Image, 'height' | 'width'>;
}

/** A data set, open. */
export interface OpenDataset<S extends ImageSource = Split> {
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
  /** What is done about images that cannot be decoded: `refuse` (an error, the default) or `skip` and list them. */
  readonly corrupt?: 'refuse' | 'skip';
  /**
   * Gives images that come unsplit as one split, `all`, instead of drawing `train` and `test` of them. Default false. What
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

/** A kind of data set that tells the class of each image. A plugin registers one under `DATASET`. */
export interface Dataset extends DatasetKind {
  readonly target?: 'classes';
  open(options: DatasetOptions): Promise<OpenDataset>;
}

/** A kind of data set that tells the class of each pixel, for segmentation. A plugin registers one under `DATASET`, too. */
export interface MaskDataset extends DatasetKind {
  readonly target: 'masks';
  open(options: DatasetOptions): Promise<OpenDataset<MaskSplit>>;
}
