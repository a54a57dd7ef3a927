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
  /** Size of the file. */
  readonly bytes: number;
  /** Of the file, in lower-case hexadecimal. MD5 only where nothing better is published. */
  readonly hash: { readonly algorithm: 'sha256' | 'md5'; readonly value: string };
  /** Where the file is to be unpacked; absent where it is wanted as it is. */
  readonly archive?: Archive;
}
