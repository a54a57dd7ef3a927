import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Download, GraftError } from '@graftjs/core';
import { expect } from 'vitest';
import { type DownloadOptions, download } from '../src/download.js';
import type { DownloadEvent } from '../src/download-event.js';
import { type Answer, hashOf, serve } from './file-server.js';

/** Bytes that no compression or repetition makes look alike. */
export const content = Buffer.from(
  Uint8Array.from({ length: 300_000 }, (_, i) => ((i * 2654435761) >>> 13) ^ (i >> 7)),
);
export const changed = Buffer.from(content.map((byte) => byte ^ 1));
export const half = content.length / 2;

export const weights = (address: string, more: Partial<Download> = {}): Download => ({
  name: 'weights',
  description: 'weights of nothing',
  licence: 'none',
  address: `${address}/files/weights.bin`,
  bytes: content.length,
  hash: { algorithm: 'sha256', value: hashOf(content) },
  ...more,
});

export interface Outcome {
  readonly error: GraftError | undefined;
  readonly status: string | undefined;
  readonly events: readonly DownloadEvent[];
}

export async function attempt(record: Download, options: DownloadOptions): Promise<Outcome> {
  const events: DownloadEvent[] = [];
  const onEvent = (event: DownloadEvent) => {
    events.push(event);
    options.onEvent?.(event);
  };
  try {
    const { status } = await download(record, { retryDelay: 1, ...options, onEvent });
    return { error: undefined, status, events };
  } catch (error) {
    if (!GraftError.isInstance(error)) throw error;
    return { error, status: undefined, events };
  }
}

export const kinds = (events: readonly DownloadEvent[]) => [...new Set(events.map(({ type }) => type))];

/** Leaves the first half of the file behind, as a process does that ends there. */
export async function leaveHalf(folder: string, answer: Answer): Promise<string> {
  const server = await serve(answer);
  const stop = new AbortController();
  const { error } = await attempt(weights(server.origin), {
    folder,
    signal: stop.signal,
    onEvent: (event) => event.type === 'received' && event.done === half && stop.abort(),
  });
  expect(error?.code).toBe('download/aborted');
  expect(error?.message).toContain('150,000 bytes of 300,000 bytes are in');
  expect((await stat(join(folder, 'weights.bin.part'))).size).toBe(half);
  return server.origin;
}

/** The same address, answered otherwise: `leaveHalf` noted another port. */
export async function noteAddress(folder: string, origin: string): Promise<void> {
  const path = join(folder, 'weights.bin.part.json');
  const note = JSON.parse(await readFile(path, 'utf8')) as { address: string };
  await writeFile(path, JSON.stringify({ ...note, address: `${origin}/files/weights.bin` }));
}
