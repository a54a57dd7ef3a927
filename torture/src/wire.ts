// What tables and protocol buffers are made of, written and read apart from the reader that is tortured.

/** A base-128 varint of the lower 64 bits, or of more bytes than it needs. */
export function varint(value: bigint, leastBytes = 1): number[] {
  const bytes: number[] = [];
  let left = BigInt.asUintN(64, value);
  while (left >= 0x80n || bytes.length + 1 < leastBytes) {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  return [...bytes, Number(left)];
}

/** Reads varints from the front of some bytes. */
export class VarintReader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  /** @throws RangeError where the bytes end within it, or it has more than ten */
  next(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('No varint');
  }
}

export function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

/** By byte: the CRC-32C (Castagnoli) of that byte alone. */
const crcs = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** The CRC-32C of some bytes as LevelDB and TensorFlow store it: turned by 15 bits, and a constant added. */
export function maskedCrc(...parts: readonly Uint8Array[]): number {
  let crc = 0xffffffff;
  for (const bytes of parts) for (const byte of bytes) crc = crcs[(crc ^ byte) & 255]! ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** A field of a protocol buffer. What has a length is a message of fields, if it can be read as one, or bytes. */
export interface Field {
  readonly number: number;
  readonly wire: number;
  readonly value: bigint | Uint8Array | readonly Field[];
}

const [wireVarint, wireFixed64, wireBytes, wireFixed32] = [0, 1, 2, 5];

/** The fields of a message; undefined where the bytes are none. */
export function parseFields(bytes: Uint8Array): Field[] | undefined {
  const reader = new VarintReader(bytes);
  const fields: Field[] = [];
  try {
    while (reader.at < bytes.length) {
      const tag = reader.next();
      const [number, wire] = [Number(tag >> 3n), Number(tag & 7n)];
      if (number === 0 || number > 20) return undefined;
      if (wire === wireVarint) {
        fields.push({ number, wire, value: reader.next() });
        continue;
      }
      const length =
        wire === wireBytes ? Number(reader.next()) : wire === wireFixed64 ? 8 : wire === wireFixed32 ? 4 : -1;
      const end = reader.at + length;
      if (length < 0 || end > bytes.length) return undefined;
      const content = bytes.subarray(reader.at, end);
      const inner = wire === wireBytes && length > 0 ? parseFields(content) : undefined;
      fields.push({ number, wire, value: inner ?? content });
      reader.at = end;
    }
  } catch {
    return undefined;
  }
  return fields;
}

/** @param lie called for each length; what it returns is written instead */
export function encodeFields(fields: readonly Field[], lie: (length: number) => bigint = BigInt): Uint8Array {
  const parts = fields.flatMap(({ number, wire, value }) => {
    const tag = Uint8Array.from(varint(BigInt(number) * 8n + BigInt(wire)));
    if (typeof value === 'bigint') return [tag, Uint8Array.from(varint(value))];
    const content = value instanceof Uint8Array ? value : encodeFields(value as readonly Field[], lie);
    return wire === wireBytes ? [tag, Uint8Array.from(varint(lie(content.length))), content] : [tag, content];
  });
  return new Uint8Array(Buffer.concat(parts));
}
