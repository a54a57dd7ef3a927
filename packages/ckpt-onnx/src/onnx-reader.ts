import {
  CheckpointError,
  type CheckpointReader,
  destination,
  dtypeBytes,
  elementCount,
  type FileSystem,
  type Graph,
  guardCheckpoint,
  type NetworkMatch,
  type ReadableFile,
  type TensorInfo,
  unknownVariable,
} from '@graftjs/core';
import { type ExternalPiece, locateExternalData } from './external-data.js';
import { matchGraph } from './match/match-graph.js';
import { type OnnxFile, readOnnxFile } from './onnx-file.js';
import type { Piece, StoredTensor } from './stored-tensor.js';
import { VarintValues } from './varint-values.js';

/** No file system is asked for more at a time. */
const mostBytesAtOnce = 1 << 26;

/** A tensor of elements of fixed size. */
type NumberTensor = StoredTensor & { readonly elementBytes: number; readonly bytes: number };

/** Opens an ONNX file: its structure is read, its weights are not. */
export async function openOnnx(path: string, files: FileSystem): Promise<OnnxReader> {
  const file = await files.open(path);
  try {
    const model = await readOnnxFile(file);
    return new OnnxReader(file, model, await locateExternalData(path, model.tensors.values(), files), files);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** An open file. */
export class OnnxReader implements CheckpointReader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
  readonly #file: ReadableFile;
  readonly #model: OnnxFile;
  readonly #external: ReadonlyMap<string, ExternalPiece>;
  readonly #files: FileSystem;
  /** Files of external data that are open, and tensors of varints that were begun. */
  readonly #opened = new Map<string, Promise<ReadableFile>>();
  readonly #varints = new Map<string, VarintValues>();

  constructor(file: ReadableFile, model: OnnxFile, external: ReadonlyMap<string, ExternalPiece>, files: FileSystem) {
    this.#file = file;
    this.#model = model;
    this.#external = external;
    this.#files = files;
    this.metadata = model.metadata;
    this.tensors = new Map(
      [...model.tensors.values()]
        .flatMap(({ name, type: { dtype }, shape }) => (dtype ? [{ name, dtype, shape }] : []))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map((tensor) => [tensor.name, tensor]),
    );
  }

  /** The other files that tensors are in, sorted. */
  get externalPaths(): string[] {
    return [...new Set([...this.#external.values()].map(({ path }) => path))].sort();
  }

  #tensor(name: string): StoredTensor & { readonly dtype: NonNullable<StoredTensor['type']['dtype']> } {
    const tensor = this.#model.tensors.get(name);
    if (!tensor) throw unknownVariable(this.#file.path, name, this.tensors.size);
    const { dtype } = tensor.type;
    if (dtype) return { ...tensor, dtype };
    throw new CheckpointError(
      'checkpoint/unsupported-type',
      `'${name}' in ${this.#file.path} is of the type ${tensor.type.name}, which Graft does not have. Leave it out.`,
      { details: { path: this.#file.path, name, type: tensor.type.name } },
    );
  }

  #numbers(name: string): NumberTensor {
    const tensor = this.#tensor(name);
    if (tensor.dtype === 'string') {
      throw new CheckpointError(
        'checkpoint/string-variable',
        `'${name}' in ${this.#file.path} holds strings: read it with \`readStrings\`.`,
        { details: { path: this.#file.path, name } },
      );
    }
    const elementBytes = dtypeBytes[tensor.dtype];
    return { ...tensor, elementBytes, bytes: elementCount(tensor.shape) * elementBytes };
  }

  async read(name: string, into?: Uint8Array): Promise<Uint8Array> {
    const place = destination(name, this.#numbers(name).bytes, into);
    await this.readPart(name, 0, place);
    return place;
  }

  async readPart(name: string, position: number, into: Uint8Array): Promise<void> {
    const tensor = this.#numbers(name);
    if (position < 0 || position + into.length > tensor.bytes) {
      throw new CheckpointError(
        'checkpoint/no-such-part',
        `'${name}' has ${tensor.bytes} bytes: there are no ${into.length} from ${position} on.`,
        { details: { path: this.#file.path, name, received: [position, into.length], accepted: tensor.bytes } },
      );
    }
    if (into.length > 0) await guardCheckpoint(this.#file.path, () => this.#fill(tensor, position, into));
  }

  async #fill({ name, values, elementBytes, bytes }: NumberTensor, position: number, into: Uint8Array): Promise<void> {
    if (values.kind === 'external') {
      const piece = this.#external.get(name)!;
      await fill(await this.#open(piece.path), [piece], position, into);
    } else if (values.kind === 'varints') {
      const varints = this.#varints.get(name) ?? new VarintValues(this.#file, name, values.pieces);
      this.#varints.set(name, varints);
      const first = Math.floor(position / elementBytes);
      const last = Math.ceil((position + into.length) / elementBytes);
      const whole = position % elementBytes === 0 && into.length % elementBytes === 0;
      const elements = whole ? into : new Uint8Array((last - first) * elementBytes);
      await varints.read(first, elements, elementBytes);
      if (last * elementBytes === bytes) await varints.end();
      if (!whole) into.set(elements.subarray(position - first * elementBytes).subarray(0, into.length));
    } else await fill(this.#file, values.pieces, position, into);
  }

  #open(path: string): Promise<ReadableFile> {
    const opened = this.#opened.get(path) ?? this.#files.open(path);
    this.#opened.set(path, opened);
    return opened;
  }

  async readStrings(name: string): Promise<Uint8Array[]> {
    const { dtype, values } = this.#tensor(name);
    if (dtype !== 'string' || values.kind !== 'texts') {
      throw new CheckpointError(
        'checkpoint/no-string-variable',
        `'${name}' in ${this.#file.path} holds ${dtype} and no strings: read it with \`read\`.`,
        { details: { path: this.#file.path, name, dtype } },
      );
    }
    return guardCheckpoint(this.#file.path, async () => {
      const texts: Uint8Array[] = [];
      for (const piece of values.pieces) {
        const text = new Uint8Array(piece.end - piece.start);
        await fill(this.#file, [piece], 0, text);
        texts.push(text);
      }
      return texts;
    });
  }

  match(graph: Graph): NetworkMatch {
    return matchGraph(this.#model, this, graph);
  }

  async close(): Promise<void> {
    await this.#file.close();
    for (const file of await Promise.allSettled(this.#opened.values())) {
      if (file.status === 'fulfilled') await file.value.close();
    }
  }
}

/** Fills `into` with the bytes of the pieces, one after the other, from `position` on. */
async function fill(file: ReadableFile, pieces: readonly Piece[], position: number, into: Uint8Array): Promise<void> {
  let done = 0;
  let pieceStart = 0;
  for (const { start, end } of pieces) {
    const skipped = Math.max(0, position - pieceStart);
    const from = start + skipped;
    pieceStart += end - start;
    for (let at = from; at < end && done < into.length; ) {
      const bytes = Math.min(end - at, into.length - done, mostBytesAtOnce);
      await file.read(at, into.subarray(done, done + bytes));
      at += bytes;
      done += bytes;
    }
  }
}
