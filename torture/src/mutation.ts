/** A damaged checkpoint. */
export interface Mutation {
  /** How it came about, for messages. */
  readonly what: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What it is opened by, where that is not its prefix. */
  readonly path?: string;
  /**
   * What the checksums in it still say: `tell` of the damage, so that no wrong value may be read; `sealed` are those of the
   * tables of V2, which were made to match it, while those of the values tell, so that no value may be read that no variable
   * has; `silent` are all.
   */
  readonly checksums: 'tell' | 'sealed' | 'silent';
}
