import { type CheckpointError, damagedCheckpoint, formatShape, type Shape, safeElementCount } from '@graftjs/core';
import { type ElementType, typesByName } from './element-types.js';
import { HeaderScanner } from './header-scanner.js';

/** The header follows its length, an unsigned 64-bit number. */
export const lengthBytes = 8;
/** The reference implementation's limit on a header. */
export const mostHeaderBytes = 100_000_000;
/** The name in a header that stands for no tensor. */
export const metadataName = '__metadata__';

const mostAxes = 254;

/** A tensor as a header describes it; `start` and `end` count from the end of the header. */
export interface HeaderEntry {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
  readonly start: number;
  readonly end: number;
}

export interface Header {
  /** In the order of their bytes, which follow each other without a gap. */
  readonly entries: readonly HeaderEntry[];
  readonly metadata?: ReadonlyMap<string, string>;
}

/**
 * Reads a header, and checks that its tensors are all of the file's bytes and no byte is of two.
 * @param bytes the header without its length
 * @param fileSize of the whole file
 * @throws CheckpointError `checkpoint/damaged`
 */
export function parseHeader(path: string, bytes: Uint8Array, fileSize: number): Header {
  const scanner = new HeaderScanner(path, bytes, lengthBytes);
  const entries: HeaderEntry[] = [];
  let metadata: Map<string, string> | undefined;
  scanner.object((name) => {
    if (name === metadataName) metadata = readMetadata(scanner);
    else entries.push(readEntry(scanner, name));
  });
  scanner.end();
  entries.sort((a, b) => a.start - b.start || a.end - b.end);
  checkLayout(path, entries, lengthBytes + bytes.length, fileSize);
  return { entries, ...(metadata && { metadata }) };
}

function readMetadata(scanner: HeaderScanner): Map<string, string> {
  const metadata = new Map<string, string>();
  scanner.object((name) => metadata.set(name, scanner.text()));
  return metadata;
}

function readEntry(scanner: HeaderScanner, name: string): HeaderEntry {
  let [type, shape, offsets]: [ElementType?, number[]?, number[]?] = [];
  scanner.object((field) => {
    switch (field) {
      case 'dtype': {
        const typeName = scanner.text();
        type = typesByName.get(typeName);
        if (!type) throw scanner.fail(`'${name}' is of the type '${typeName}', which the format does not have`);
        return;
      }
      case 'shape':
        shape = scanner.wholeNumbers(mostAxes);
        return;
      case 'data_offsets':
        offsets = scanner.wholeNumbers(2);
        return;
      default:
        throw scanner.fail(`'${name}' has a field '${field}', which the format does not have`);
    }
  });
  const [start, end] = offsets ?? [];
  if (!type || !shape || start === undefined || end === undefined) {
    throw scanner.fail(`'${name}' must have a dtype, a shape, and two data_offsets`);
  }
  return { name, type, shape, start, end };
}

function checkLayout(path: string, entries: readonly HeaderEntry[], dataStart: number, fileSize: number): void {
  const damaged = (at: number, problem: string): CheckpointError => damagedCheckpoint(path, dataStart + at, problem);
  let next = 0;
  for (const { name, type, shape, start, end } of entries) {
    if (start < next) throw damaged(start, `'${name}' shares bytes with the tensor before it`);
    if (start > next) throw damaged(next, `the ${start - next} bytes before '${name}' belong to no tensor`);
    if (end < start) throw damaged(start, `'${name}' ends at ${end}, before its beginning at ${start}`);
    const missing = dataStart + end - fileSize;
    if (missing > 0) throw damaged(start, `'${name}' goes ${missing} bytes beyond the end of the file`);
    const bytes = ((safeElementCount(shape) ?? Number.NaN) * type.bits) / 8;
    if (bytes !== end - start) {
      throw damaged(start, `'${name}' is ${type.name} ${formatShape(shape)}, and has ${end - start} bytes`);
    }
    next = end;
  }
  const left = fileSize - dataStart - next;
  if (left > 0) throw damaged(next, `the ${left} bytes after the last tensor belong to no tensor`);
}
