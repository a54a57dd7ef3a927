import { Crc32c } from '../src/crc32c.js';
import { decodeBlock, snappyType, uncompressBlock, uncompressedType } from '../src/table-block.js';
import { footerBytes, tableMagic } from '../src/table-reader.js';

/** A base-128 varint. */
export function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left % 0x80) | 0x80);
  return [...bytes, left];
}

/** A field of a message with a length. */
export function field(number: number, ...contents: number[][]): number[] {
  const bytes = contents.flat();
  return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes];
}

export function utf8(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}

/** A block whose entries share nothing; `restarts` claims a number of restart points other than the one there is. */
export function rawBlock(
  entries: readonly (readonly [key: ArrayLike<number>, value: Uint8Array])[],
  restarts = 1,
): Uint8Array {
  const parts = entries.flatMap(([key, value]) => {
    const header = [0, ...varint(key.length), ...varint(value.length), ...Array.from(key)];
    return [Uint8Array.from(header), value];
  });
  return new Uint8Array(Buffer.concat([...parts, new Uint8Array(4), uint32(restarts)]));
}

export interface RawBlock {
  readonly key: ArrayLike<number>;
  readonly block: Uint8Array;
  readonly type?: number;
}

/** A table of blocks as they are given, with checksums that match and an index that may be changed before it is sealed. */
export async function rawTable(
  blocks: readonly RawBlock[],
  changeIndex: (index: Uint8Array) => Uint8Array = (index) => index,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let position = 0;
  const add = async (block: Uint8Array, type: number) => {
    const handle = [...varint(position), ...varint(block.length)];
    const sealed = Buffer.concat([block, Uint8Array.of(type)]);
    parts.push(sealed, uint32((await Crc32c.create()).update(sealed).masked));
    position += sealed.length + 4;
    return Uint8Array.from(handle);
  };
  const index: [ArrayLike<number>, Uint8Array][] = [];
  for (const { key, block, type = uncompressedType } of blocks) index.push([key, await add(block, type)]);
  const metadata = await add(rawBlock([]), uncompressedType);
  const handle = await add(changeIndex(rawBlock(index)), uncompressedType);
  const footer = new Uint8Array(footerBytes);
  footer.set([...metadata, ...handle]);
  footer.set(tableMagic, footerBytes - tableMagic.length);
  return new Uint8Array(Buffer.concat([...parts, footer]));
}

/** The blocks of a table, uncompressed, with their keys in the index. */
export function blocksOf(table: Uint8Array): RawBlock[] {
  const footer = table.subarray(-footerBytes);
  const read = (bytes: Uint8Array, count: number): number[] => {
    const numbers: number[] = [];
    for (let at = 0; numbers.length < count; at++) {
      let value = 0;
      for (let shift = 1; ; shift *= 0x80, at++) {
        value += ((bytes[at] as number) & 0x7f) * shift;
        if ((bytes[at] as number) < 0x80) break;
      }
      numbers.push(value);
    }
    return numbers;
  };
  const [, , indexAt = 0, indexBytes = 0] = read(footer, 4);
  return decodeBlock(table.subarray(indexAt, indexAt + indexBytes), 'table', 0).map(({ key, value }) => {
    const [at = 0, bytes = 0] = read(value, 2);
    const block = table.subarray(at, at + bytes);
    return { key, block: table[at + bytes] === snappyType ? uncompressBlock(block, 'table', at) : block };
  });
}

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
