import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { DownloadError } from '@graftjs/core';
import type { DownloadEvent } from './download-event.js';
import { formatBytes } from './format-bytes.js';
import { httpGet } from './http-get.js';
import type { PartFile, Resource } from './part-file.js';

/** How a file is fetched. */
export interface FetchOptions {
  /** Size of the whole file, where it is known beforehand. */
  readonly bytes?: number;
  /** The most that it may have. */
  readonly limit: number;
  /** Milliseconds without a byte after which a connection is given up. */
  readonly idleTimeout: number;
  /** How often it is tried again in a row without getting further. */
  readonly retries: number;
  /** Milliseconds before the first of them; each further one waits twice as long. */
  readonly retryDelay: number;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: DownloadEvent) => void;
}

/** A file that gets this much further has a working connection, so that all retries are open to it again. */
const headway = 2 ** 20;

/** What ends an attempt, and not the download. */
class BrokenOff extends Error {}

function resourceOf(address: string, headers: IncomingHttpHeaders): Omit<Resource, 'bytes'> {
  const { etag, 'last-modified': lastModified } = headers;
  return { address, ...(etag !== undefined && { etag }), ...(lastModified !== undefined && { lastModified }) };
}

function announcedSize(headers: IncomingHttpHeaders): number | undefined {
  const size = Number(headers['content-length'] ?? Number.NaN);
  return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
}

/**
 * What `If-Range` may say (RFC 9110, 13.1.5): a strong entity tag, else, where there is no tag at all, the date. Without
 * either, nobody can say whether the rest belongs to what is there.
 */
function validatorOf({ etag, lastModified }: Resource): string | undefined {
  if (etag !== undefined) return etag.startsWith('W/') ? undefined : etag;
  return lastModified;
}

/** `Content-Range: bytes 100-199/200`. */
function parseContentRange(text: string | undefined): { start: number; total: number | undefined } | undefined {
  const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(text ?? '');
  return match ? { start: Number(match[1]), total: match[2] === '*' ? undefined : Number(match[2]) } : undefined;
}

function describeFailure(error: Error & { code?: string }, idleTimeout: number): string {
  if (error instanceof BrokenOff) return error.message;
  switch (error.code) {
    case 'ETIMEDOUT':
      return `nothing came for ${idleTimeout / 1000} s`;
    case 'ECONNRESET':
    case 'EPIPE':
      return 'the connection broke off';
    case 'EAI_AGAIN':
    case 'ENOTFOUND':
      return 'its server is not to be found';
    default:
      return error.message || String(error.code);
  }
}

/**
 * Completes a part to the file at an address. What is there is gone on from (`Range`, with `If-Range`), if the server says
 * that its file is still the same. Failures that may pass are tried again.
 */
export class FileFetcher {
  readonly #address: string;
  readonly #part: PartFile;
  readonly #options: FetchOptions;
  /** Size of the whole file, as soon as it is known. */
  #total: number | undefined;

  constructor(address: string, part: PartFile, options: FetchOptions) {
    this.#address = address;
    this.#part = part;
    this.#options = options;
    this.#total = options.bytes ?? (part.resource?.address === address ? part.resource.bytes : undefined);
  }

  /**
   * @throws DownloadError `download/status`, `download/redirects`, `download/size`, `download/connection`,
   * `download/aborted`, `download/disk-full`, `download/storage`
   */
  async fetch(): Promise<void> {
    const { retries, retryDelay, idleTimeout, signal, onEvent } = this.#options;
    let furthest = this.#part.size;
    for (let failures = 0; this.#part.size !== this.#total; ) {
      try {
        await this.#attempt();
      } catch (error) {
        if (signal?.aborted) throw this.#aborted(signal.reason);
        if (error instanceof DownloadError) throw error;
        const reason = describeFailure(error as Error, idleTimeout);
        if (this.#part.size >= furthest + headway) failures = 0;
        furthest = Math.max(furthest, this.#part.size);
        if (++failures > retries) throw this.#givenUp(reason, failures, error);
        const delay = retryDelay * 2 ** (failures - 1);
        onEvent?.({ type: 'retry', reason, delay });
        await setTimeout(delay, undefined, signal && { signal }).catch(() => {});
        if (signal?.aborted) throw this.#aborted(signal.reason);
      }
    }
  }

  /** Where the part can be gone on from, and what makes the server say so if it cannot. */
  #resumption(): { from: number; validator: string } | undefined {
    const { size, resource } = this.#part;
    const most = this.#total ?? this.#options.limit;
    if (size === 0 || size >= most || resource?.address !== this.#address) return undefined;
    const validator = validatorOf(resource);
    return validator === undefined ? undefined : { from: size, validator };
  }

  async #attempt(): Promise<void> {
    const { idleTimeout, signal, onEvent } = this.#options;
    const resumption = this.#resumption();
    onEvent?.({ type: 'start', address: this.#address, from: resumption?.from ?? 0, ...this.#knownTotal() });
    const body = await httpGet(this.#address, {
      idleTimeout,
      ...(signal && { signal }),
      headers: {
        'user-agent': 'graft',
        // The bytes as they lie there: a hash is of those.
        'accept-encoding': 'identity',
        ...(resumption && { range: `bytes=${resumption.from}-`, 'if-range': resumption.validator }),
      },
    });
    const { statusCode, headers } = body;
    // Whatever the body fails with comes out of the loop over it, or comes too late to matter.
    body.on('error', () => {});
    try {
      if (statusCode === 206 && resumption) this.#checkRange(headers, resumption.from);
      else if (statusCode === 200) await this.#begin(headers, resumption !== undefined);
      else this.#refuse(statusCode!);
      for await (const chunk of body as AsyncIterable<Uint8Array>) await this.#append(chunk);
    } finally {
      body.destroy();
    }
    // What nobody told the size of ends where the server ends it.
    this.#total ??= this.#part.size;
    if (this.#part.size === this.#total) return;
    if (statusCode === 206) throw new BrokenOff(`the server sent only the first ${formatBytes(this.#part.size)}`);
    throw await this.#discard(this.#part.size);
  }

  #knownTotal(): { total?: number } {
    return this.#total === undefined ? {} : { total: this.#total };
  }

  /** A whole file comes: whatever is there makes room. */
  async #begin(headers: IncomingHttpHeaders, asked: boolean): Promise<void> {
    const announced = announcedSize(headers);
    const { bytes = announced, limit } = this.#options;
    if (announced !== undefined && (announced !== bytes || announced > limit)) throw this.#wrongSize(announced);
    this.#total = bytes;
    const resource = { ...resourceOf(this.#address, headers), ...(announced !== undefined && { bytes: announced }) };
    if (this.#part.size > 0) {
      this.#options.onEvent?.({ type: 'restart', reason: this.#whyRestart(resource, asked) });
    }
    await this.#part.begin(resource);
  }

  #whyRestart({ etag, lastModified }: Resource, asked: boolean): string {
    const { resource } = this.#part;
    if (resource?.address !== this.#address) return 'what is there came from another address';
    if (!asked) return 'the server does not say whether its file is still the same';
    const changed = etag !== resource.etag || lastModified !== resource.lastModified;
    return changed ? 'the file on the server has changed' : 'the server sends whole files only';
  }

  /** The rest comes: it must begin where the part ends, and be of the same file. */
  #checkRange(headers: IncomingHttpHeaders, from: number): void {
    const { etag, lastModified } = resourceOf(this.#address, headers);
    const { resource } = this.#part;
    const range = parseContentRange(headers['content-range']);
    const same =
      (etag === undefined || etag === resource?.etag) &&
      (lastModified === undefined || lastModified === resource?.lastModified);
    const total = range?.total ?? this.#total;
    if (same && range?.start === from && total === (this.#total ?? total) && (total ?? 0) <= this.#options.limit) {
      this.#total = total;
      return;
    }
    this.#forget();
    throw new BrokenOff(
      same ? `the server did not send what follows byte ${from}` : 'the file on the server has changed',
    );
  }

  /** What is there counts no more, nor what was announced of it. */
  #forget(): void {
    this.#part.forget();
    this.#total = this.#options.bytes;
  }

  #refuse(status: number): void {
    if (status === 416) {
      this.#forget();
      throw new BrokenOff('the server has nothing from there on');
    }
    if (status === 408 || status === 425 || status === 429 || status >= 500) {
      throw new BrokenOff(`the server answers with status ${status}`);
    }
    if (status >= 300 && status < 400) throw this.#leadsNowhere();
    throw new DownloadError(
      'download/status',
      `${this.#address} is not to be had: the server answers with status ${status}. Look whether the address is right, or ` +
        'name a mirror (--from).',
      { details: { address: this.#address, status } },
    );
  }

  #leadsNowhere(): DownloadError {
    return new DownloadError(
      'download/redirects',
      `${this.#address} leads on to other addresses without end, or to one that is not of the web. Name a mirror (--from).`,
      { details: { address: this.#address } },
    );
  }

  async #append(chunk: Uint8Array): Promise<void> {
    const most = this.#total ?? this.#options.limit;
    if (this.#part.size + chunk.length > most) throw await this.#discard(`more than ${formatBytes(most)}`);
    await this.#part.append(chunk);
    this.#options.onEvent?.({ type: 'received', done: this.#part.size, ...this.#knownTotal() });
  }

  /** What came is of another size, which cannot have the right hash. */
  async #discard(received: number | string): Promise<DownloadError> {
    await this.#part.remove();
    return this.#wrongSize(received);
  }

  #wrongSize(received: number | string): DownloadError {
    const { bytes, limit } = this.#options;
    const size = typeof received === 'number' ? formatBytes(received) : received;
    const expected = bytes === undefined ? `at most ${formatBytes(limit)}` : formatBytes(bytes);
    return new DownloadError(
      'download/size',
      `${this.#address} has ${size}, and ${expected} are expected: it is another file, or a page that stands for it. Look at ` +
        'it in a browser, or name a mirror (--from).',
      { details: { address: this.#address, received, expected: bytes ?? limit } },
    );
  }

  /** `34,111,222 bytes of 170,052,171 bytes are in data/cifar-10-binary.tar.gz.part: the same command goes on from them`. */
  #kept(): string {
    const { path, size } = this.#part;
    const whole = this.#total === undefined ? '' : ` of ${formatBytes(this.#total)}`;
    return `${formatBytes(size)}${whole} are in ${path}: the same command goes on from them.`;
  }

  #aborted(cause: unknown): DownloadError {
    const { path, size } = this.#part;
    return new DownloadError('download/aborted', `Stopped. ${this.#kept()}`, {
      cause,
      details: { path, received: size },
    });
  }

  #givenUp(reason: string, times: number, cause: unknown): DownloadError {
    const { path, size } = this.#part;
    return new DownloadError(
      'download/connection',
      `${this.#address} could not be fetched: ${reason} (tried ${times} times). ${this.#kept()} A mirror is named with --from.`,
      { cause, details: { address: this.#address, path, received: size } },
    );
  }
}
