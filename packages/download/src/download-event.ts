/** What happens while something is downloaded. All sizes are bytes; a total is left out as long as nobody has told it. */
export type DownloadEvent =
  /** The server is about to be asked: `from` bytes are there from an earlier time. */
  | { readonly type: 'start'; readonly address: string; readonly from: number; readonly total?: number }
  | { readonly type: 'received'; readonly done: number; readonly total?: number }
  /** What was there is thrown away, since it cannot be gone on with. */
  | { readonly type: 'restart'; readonly reason: string }
  /** It broke off, and is tried again after `delay` milliseconds. */
  | { readonly type: 'retry'; readonly reason: string; readonly delay: number }
  | { readonly type: 'verifying'; readonly done: number; readonly total: number }
  | { readonly type: 'unpacking'; readonly done: number; readonly total: number };
