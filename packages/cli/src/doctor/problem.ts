/** Something that is wrong. */
export interface Problem {
  /** A sentence that names it. */
  readonly what: string;
  /** The command that mends it, or what else to do. */
  readonly remedy?: string;
}
