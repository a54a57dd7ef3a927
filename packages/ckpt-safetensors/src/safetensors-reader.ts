import {
  CheckpointError,
  type CheckpointReader,
  damagedCheckpoint,
  destination,
  type FileSystem,
  guardCheckpoint,
  type ReadableFile,
  type TensorInfo,
  unknownVariable,
} from '@graftjs/core';
import { type HeaderEntry, lengthBytes, mostHeaderBytes, parseHeader } from './header.js';

/** No file system is asked for more at a time. */
const pieceBytes = 1 << 26;

/**
 * The header's length by the first bytes of a file.
 * @throws CheckpointError `checkpoint/damaged` where there cannot be a header of that length
 */
export async function readHeaderLength(file: ReadableFile): Promise<number> {
  const { path, size } = file;
  if (size < lengthBytes) throw damagedCheckpoint(path, size, `it has ${size} bytes, and no header`);
  const bytes = new Uint8Array(lengthBytes);
  await file.read(0, bytes);
  const length = new DataView(bytes.buffer).getBigUint64(0, true);
  if (length > mostHeaderBytes || length > size - lengthBytes) {
    const room = Math.min(mostHeaderBytes, size - lengthBytes);
    throw damagedCheckpoint(path, 0, `its header is to have ${length} bytes, and there is room for ${room}`);
  }
  return Number(length);
}

/** Opens one file. */
export async function openSafetensors(path: string, files: FileSystem): Promise<SafetensorsReader> {
  const file = await files.open(path);
  try {
    const bytes = new Uint8Array(await readHeaderLength(file));
    await file.read(lengthBytes, bytes);
    const { entries, metadata } = parseHeader(path, bytes, file.size);
    return new SafetensorsReader(file, entries, lengthBytes + bytes.length, metadata);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** An open file. */
export class SafetensorsReader implements CheckpointReader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata?: ReadonlyMap<string, string>;
  readonly #file: ReadableFile;
  readonly #entries: ReadonlyMap<string, HeaderEntry>;
  readonly #dataStart: number;

  constructor(
    file: ReadableFile,
    entries: readonly HeaderEntry[],
    dataStart: number,
    metadata: ReadonlyMap<string, string> | undefined,
  ) {
    this.#file = file;
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
    this.#dataStart = dataStart;
    this.tensors = new Map(
      entries
        .flatMap(({ name, type: { dtype }, shape }) => (dtype ? [{ name, dtype, shape }] : []))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map((tensor) => [tensor.name, tensor]),
    );
    if (metadata) this.metadata = metadata;
  }

  /** Whether the file has a tensor of that name, be it of a type that Graft does not have. */
  has(name: string): boolean {
    return this.#entries.has(name);
  }

  #entry(name: string): HeaderEntry {
    const entry = this.#entries.get(name);
    if (!entry) throw unknownVariable(this.#file.path, name, this.tensors.size);
    if (entry.type.dtype) return entry;
    throw new CheckpointError(
      'checkpoint/unsupported-type',
      `'${name}' in ${this.#file.path} is of the type ${entry.type.name}, which Graft does not have. Leave it out.`,
      { details: { path: this.#file.path, name, type: entry.type.name } },
    );
  }

  async read(name: string, into?: Uint8Array): Promise<Uint8Array> {
    const { start, end } = this.#entry(name);
    const place = destination(name, end - start, into);
    await this.#fill(place, start);
    return place;
  }

  async readPart(name: string, position: number, into: Uint8Array): Promise<void> {
    const { start, end } = this.#entry(name);
    if (position < 0 || position + into.length > end - start) {
      throw new CheckpointError(
        'checkpoint/no-such-part',
        `'${name}' has ${end - start} bytes: there are no ${into.length} from ${position} on.`,
        { details: { path: this.#file.path, name, received: [position, into.length], accepted: end - start } },
      );
    }
    await this.#fill(into, start + position);
  }

  #fill(into: Uint8Array, position: number): Promise<void> {
    return guardCheckpoint(this.#file.path, async () => {
      for (let at = 0; at < into.length; at += pieceBytes) {
        await this.#file.read(this.#dataStart + position + at, into.subarray(at, at + pieceBytes));
      }
    });
  }

  async readStrings(name: string): Promise<Uint8Array[]> {
    const { type } = this.#entry(name);
    throw new CheckpointError(
      'checkpoint/no-string-variable',
      `'${name}' in ${this.#file.path} holds ${type.dtype} and no strings: read it with \`read\`.`,
      { details: { path: this.#file.path, name, dtype: type.dtype } },
    );
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
