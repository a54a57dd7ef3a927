import { snappyUncompress } from 'hysnappy';
import { maskedCrc, uint32, VarintReader, varint } from './wire.js';

/** An entry of a block. */
export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A block of a table, uncompressed. */
export interface Block {
  /** What the index has for it: from its last key on, and below the next block's first. */
  readonly indexKey: Uint8Array;
  readonly contents: Uint8Array;
}

const footerBytes = 48;
const magic = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
const [asIs, snappy] = [0, 1];

const bytesOf = (...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array =>
  new Uint8Array(Buffer.concat(parts.map((part) => (part instanceof Uint8Array ? part : Uint8Array.from(part)))));

/** The entries of a block, their keys spelled out. */
export function entriesOf(contents: Uint8Array): Entry[] {
  const restarts = Buffer.from(contents).readUInt32LE(contents.length - 4);
  const end = contents.length - 4 - 4 * restarts;
  const reader = new VarintReader(contents);
  const entries: Entry[] = [];
  let key: Uint8Array = new Uint8Array();
  while (reader.at < end) {
    const [shared, unshared, length] = [reader.next(), reader.next(), reader.next()].map(Number) as [
      number,
      number,
      number,
    ];
    const valueAt = reader.at + unshared;
    key = bytesOf(key.subarray(0, shared), contents.subarray(reader.at, valueAt));
    entries.push({ key, value: contents.subarray(valueAt, valueAt + length) });
    reader.at = valueAt + length;
  }
  return entries;
}

/** The three numbers before an entry's key, as they are, or others. */
export type Header = readonly [shared: bigint, unshared: bigint, valueBytes: bigint];

/** A block of entries that share nothing. @param change what is written instead of an entry's header */
export function blockOf(
  entries: readonly Entry[],
  {
    change = (header: Header): Header => header,
    restarts = 1,
  }: { change?: (header: Header, index: number) => Header; restarts?: number } = {},
): Uint8Array {
  const parts = entries.flatMap(({ key, value }, index) => {
    const header = change([0n, BigInt(key.length), BigInt(value.length)], index);
    return [header.flatMap((number) => varint(number)), key, value];
  });
  return bytesOf(...parts, new Uint8Array(4), uint32(restarts));
}

/** The blocks of a table that is undamaged. */
export function blocksOf(table: Uint8Array): Block[] {
  const handle = (reader: VarintReader) => [Number(reader.next()), Number(reader.next())] as const;
  const footer = new VarintReader(table.subarray(-footerBytes));
  handle(footer);
  const contentsAt = ([at, bytes]: readonly [number, number]) => {
    const stored = table.subarray(at, at + bytes);
    if (table[at + bytes] !== snappy) return stored;
    return snappyUncompress(stored, Number(new VarintReader(stored).next()));
  };
  return entriesOf(contentsAt(handle(footer))).map(({ key, value }) => ({
    indexKey: key,
    contents: contentsAt(handle(new VarintReader(value))),
  }));
}

/** Where a block is, as it is or as a lie. */
export type Handle = readonly [position: bigint, bytes: bigint];

/** What may be wrong in a table that is sealed. */
export interface Lies {
  /** The place of a block as the index tells it. */
  readonly handle?: (handle: Handle, block: number) => Handle;
  /** The place of the index as the footer tells it, which has no checksum. */
  readonly footer?: (handle: Handle) => Handle;
  readonly index?: (contents: Uint8Array) => Uint8Array;
  /** The type of a block: 0 as it is, 1 Snappy. */
  readonly type?: (block: number) => number;
}

/** A table of blocks as they are given, with checksums that match whatever is in them. */
export function sealTable(blocks: readonly Block[], lies: Lies = {}): Uint8Array {
  const parts: Uint8Array[] = [];
  let position = 0;
  const add = (contents: Uint8Array, type: number): Handle => {
    const at = position;
    const trailer = bytesOf([type], uint32(maskedCrc(contents, Uint8Array.of(type))));
    parts.push(contents, trailer);
    position += contents.length + trailer.length;
    return [BigInt(at), BigInt(contents.length)];
  };
  const index = blocks.map(({ indexKey, contents }, block): Entry => {
    const handle = add(contents, lies.type?.(block) ?? asIs);
    return {
      key: indexKey,
      value: bytesOf((lies.handle?.(handle, block) ?? handle).flatMap((number) => varint(number))),
    };
  });
  const metadata = add(blockOf([]), asIs);
  const indexContents = blockOf(index);
  const indexHandle = add(lies.index?.(indexContents) ?? indexContents, asIs);
  const footer = new Uint8Array(footerBytes);
  const handles = [...metadata, ...(lies.footer?.(indexHandle) ?? indexHandle)].flatMap((number) => varint(number));
  footer.set(handles.slice(0, footerBytes - magic.length));
  footer.set(magic, footerBytes - magic.length);
  return bytesOf(...parts, footer);
}
