import {
  CheckpointError,
  type CheckpointWriteOptions,
  elementCount,
  type FileSystem,
  formatShape,
  guardCheckpoint,
  safeElementCount,
  sourceBytes,
  type TensorSource,
} from '@graftjs/core';
import { type ElementType, elementTypes } from './element-types.js';
import { lengthBytes, metadataName, mostHeaderBytes } from './header.js';

/** Bytes are handed on in pieces of this size, so that a large tensor does not hold up everything else. */
const pieceBytes = 1 << 22;

/** The first tensor begins at a multiple of this, and so does every other of as wide elements. */
const alignment = 8;

const typesByDType = new Map(elementTypes.flatMap((type) => (type.dtype ? [[type.dtype as string, type]] : [])));

interface Placed {
  readonly source: TensorSource;
  readonly type: ElementType;
}

/** All that can be known to be wrong before the first value is asked for. */
function checkedSources(path: string, tensors: Iterable<TensorSource>): Placed[] {
  const names = new Set<string>([metadataName]);
  return [...tensors].map((source) => {
    const { name, dtype, shape } = source;
    const refuse = (code: string, problem: string): CheckpointError =>
      new CheckpointError(code, `'${name}' cannot be written to ${path}: ${problem}.`, {
        details: { path, name, dtype, shape },
      });
    if (names.has(name) || !isText(name)) {
      throw refuse('checkpoint/bad-name', `names must be text, differ from each other and not be ${metadataName}`);
    }
    names.add(name);
    const type = typesByDType.get(dtype);
    if (!type) {
      const accepted = [...typesByDType.keys()].join(', ');
      throw refuse('checkpoint/unsupported-type', `safetensors has no ${dtype}. It has ${accepted}`);
    }
    if (safeElementCount(shape) === undefined) {
      throw refuse('checkpoint/bad-shape', `${formatShape(shape)} is no shape of a tensor`);
    }
    return { source, type };
  });
}

const isText = (text: string): boolean => !/\p{Surrogate}/u.test(text);

function checkMetadata(path: string, metadata: ReadonlyMap<string, string>): void {
  for (const [name, value] of metadata) {
    if (isText(name) && isText(value)) continue;
    throw new CheckpointError(
      'checkpoint/bad-metadata',
      `The metadata '${name}' cannot be written to ${path}: names and values must be text.`,
      { details: { path, name, value } },
    );
  }
}

function headerOf(placed: readonly Placed[], metadata: ReadonlyMap<string, string> | undefined): string {
  const fields: string[] = metadata ? [`"${metadataName}":${JSON.stringify(Object.fromEntries(metadata))}`] : [];
  let end = 0;
  for (const { source, type } of placed) {
    const start = end;
    end += (elementCount(source.shape) * type.bits) / 8;
    const entry = { dtype: type.name, shape: source.shape, data_offsets: [start, end] };
    fields.push(`${JSON.stringify(source.name)}:${JSON.stringify(entry)}`);
  }
  return `{${fields.join(',')}}`;
}

/** The length of the header and the header, with spaces up to where the first tensor may begin. */
function encodeHeader(path: string, text: string): Uint8Array {
  const header = new TextEncoder().encode(text);
  const length = Math.ceil(header.length / alignment) * alignment;
  if (length > mostHeaderBytes) {
    throw new CheckpointError(
      'checkpoint/header-size',
      `The names and shapes for ${path} take ${length} bytes, and readers of safetensors take ${mostHeaderBytes}. Write fewer variables to a file.`,
      { details: { path, received: length, accepted: mostHeaderBytes } },
    );
  }
  const bytes = new Uint8Array(lengthBytes + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(header, lengthBytes);
  return bytes;
}

async function* chunksOf(header: Uint8Array, placed: readonly Placed[]): AsyncGenerator<Uint8Array> {
  yield header;
  for (const { source } of placed) {
    const bytes = await sourceBytes(source);
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
  }
}

/**
 * Writes one file, byte for byte as the reference implementation does: the widest types first, and then by name.
 * @throws CheckpointError `checkpoint/bad-name`, `checkpoint/bad-shape`, `checkpoint/bad-metadata`,
 * `checkpoint/unsupported-type`, `checkpoint/header-size`, `checkpoint/source-size`, `checkpoint/source-failed`, `checkpoint/file-access`
 */
export function writeSafetensors(
  path: string,
  tensors: Iterable<TensorSource>,
  files: FileSystem,
  { metadata }: CheckpointWriteOptions = {},
): Promise<void> {
  return guardCheckpoint(path, async () => {
    if (metadata) checkMetadata(path, metadata);
    const placed = checkedSources(path, tensors);
    const rank = new Map(elementTypes.map((type, index) => [type, index]));
    placed.sort((a, b) => rank.get(b.type)! - rank.get(a.type)! || (a.source.name < b.source.name ? -1 : 1));
    await files.write(path, chunksOf(encodeHeader(path, headerOf(placed, metadata)), placed));
  });
}
