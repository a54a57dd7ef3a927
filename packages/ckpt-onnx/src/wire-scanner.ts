import { CheckpointError, damagedCheckpoint, type ReadableFile } from '@graftjs/core';

/** How the protobuf encoding lays out a field (https://protobuf.dev/programming-guides/encoding). */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** A field of a message; its bytes are those from `start` to `end` of the file. */
export interface WireField {
  readonly number: number;
  readonly type: (typeof wireType)[keyof typeof wireType];
  readonly start: number;
  readonly end: number;
}

const windowBytes = 1 << 16;
/** A varint has at most so many bytes, and a field's head two of them. */
const mostVarintBytes = 10;
const mostHeadBytes = 2 * mostVarintBytes;

/**
 * What a file may make its reader hold, counted roughly in bytes. The largest published networks have some ten thousand nodes,
 * a tenth of this.
 */
const mostHeldBytes = 1 << 26;
/** What a field counts, whatever it has: it takes time, too. */
const fieldBytes = 32;

const decoder = new TextDecoder('utf-8', { fatal: true });

/** A whole number as protobuf's int64 has it: above 2^53 it is rounded, and never small. */
function signed(low: number, high: number): number {
  return (high | 0) * 2 ** 32 + low;
}

/**
 * Goes through a file in the protobuf encoding and holds 64 KiB of it: what is passed over is not read. protobufjs, as other
 * libraries for it, needs a message whole, and any message of an ONNX file can have the weights in it.
 * @throws CheckpointError `checkpoint/damaged`, `checkpoint/too-complex`, from each method
 */
export class WireScanner {
  readonly file: ReadableFile;
  readonly #window: Uint8Array;
  /** Where the window lies in the file, and how much of it is filled. */
  #windowStart = 0;
  #windowBytes = 0;
  #held = 0;
  #at = 0;

  constructor(file: ReadableFile) {
    this.file = file;
    this.#window = new Uint8Array(Math.min(windowBytes, file.size));
  }

  /** The error for what is at the present place. */
  fail(problem: string, cause?: unknown): CheckpointError {
    return damagedCheckpoint(this.file.path, this.#at, problem, cause);
  }

  /** Counts so many bytes as held. */
  hold(bytes: number): void {
    this.#held += bytes;
    if (this.#held <= mostHeldBytes) return;
    throw new CheckpointError(
      'checkpoint/too-complex',
      `${this.file.path} has more nodes, names and attributes than Graft reads, ${mostHeldBytes >> 20} MiB of them, weights ` +
        'aside. Such a file is damaged, or no image network.',
      { details: { path: this.file.path, accepted: mostHeldBytes } },
    );
  }

  /** The fields of a large message, one after the other; what is left unread of one is passed over. */
  async *fields({ start, end }: Pick<WireField, 'start' | 'end'>): AsyncGenerator<WireField, void> {
    for (let next = start; next < end; ) {
      this.#at = next;
      await this.#fill(Math.min(mostHeadBytes, end - next));
      const field = this.#field(end);
      yield field;
      next = field.end;
    }
  }

  /** Those of a message that is a field itself, all at once. */
  async fieldsOf(message: WireField): Promise<WireField[]> {
    const { end } = this.bytesOf(message);
    const fields: WireField[] = [];
    this.#at = message.start;
    while (this.#at < end) {
      const bytes = Math.min(mostHeadBytes, end - this.#at);
      if (!this.#has(bytes)) await this.#fill(bytes);
      const field = this.#field(end);
      fields.push(field);
      this.#at = field.end;
    }
    return fields;
  }

  /** Reads the head of a field, which is in the window. */
  #field(end: number): WireField {
    this.hold(fieldBytes);
    const tag = this.#varint(end);
    const number = Math.floor(tag / 8);
    if (number < 1 || number >= 2 ** 29) throw this.fail('there is no field where one should begin');
    const type = tag % 8;
    switch (type) {
      case wireType.varint: {
        const valueStart = this.#at;
        this.#varint(end);
        return { number, type, start: valueStart, end: this.#at };
      }
      case wireType.fixed32:
      case wireType.fixed64:
        return this.#fieldOf(number, type, type === wireType.fixed32 ? 4 : 8, end);
      case wireType.bytes:
        return this.#fieldOf(number, type, this.#varint(end), end);
      default:
        throw this.fail(`a field is of the wire type ${type}, which ONNX does not have`);
    }
  }

  #fieldOf(number: number, type: WireField['type'], length: number, end: number): WireField {
    const start = this.#at;
    if (length < 0 || length > end - start) {
      throw this.fail(`a field is to have ${length} bytes, and its message has ${end - start} left`);
    }
    return { number, type, start, end: start + length };
  }

  #has(bytes: number): boolean {
    const from = this.#at - this.#windowStart;
    return from >= 0 && from + bytes <= this.#windowBytes;
  }

  /** Has the next bytes in the window, where they are not there. */
  async #fill(bytes: number): Promise<void> {
    if (this.#has(bytes)) return;
    this.#windowStart = this.#at;
    this.#windowBytes = Math.min(windowBytes, this.file.size - this.#at);
    await this.file.read(this.#at, this.#window.subarray(0, this.#windowBytes));
  }

  /** Reads a varint that is in the window. */
  #varint(end: number): number {
    let [low, high] = [0, 0];
    for (let index = 0; index < mostVarintBytes; index++) {
      if (this.#at >= end) throw this.fail('a number goes beyond the end of its message');
      const byte = this.#window[this.#at - this.#windowStart]!;
      this.#at++;
      const bits = byte & 0x7f;
      if (index < 4) low += bits * 2 ** (7 * index);
      else if (index === 4) {
        low += (bits & 0x0f) * 2 ** 28;
        high = bits >> 4;
      } else high = (high | (bits << (7 * index - 32))) >>> 0;
      if (byte < 0x80) return signed(low, high);
    }
    throw this.fail('a number has no end');
  }

  #expect(field: WireField, ...types: WireField['type'][]): void {
    if (types.includes(field.type)) return;
    throw this.fail(`field ${field.number} is of the wire type ${field.type}, and ${types.join(' or ')} is its own`);
  }

  /** Checks that a field has bytes: a message, a text, packed numbers. */
  bytesOf(field: WireField): WireField {
    this.#expect(field, wireType.bytes);
    return field;
  }

  /** An int64 or enum. */
  async integer(field: WireField): Promise<number> {
    this.#expect(field, wireType.varint);
    this.#at = field.start;
    await this.#fill(field.end - field.start);
    return this.#varint(field.end);
  }

  /** One or more int64, packed or not. */
  async integers(field: WireField, into: number[]): Promise<void> {
    this.#expect(field, wireType.varint, wireType.bytes);
    for (this.#at = field.start; this.#at < field.end; ) {
      await this.#fill(Math.min(mostVarintBytes, field.end - this.#at));
      this.hold(8);
      into.push(this.#varint(field.end));
    }
  }

  /** A float. */
  async float(field: WireField): Promise<number> {
    this.#expect(field, wireType.fixed32);
    const bytes = await this.take(field);
    return new DataView(bytes.buffer).getFloat32(0, true);
  }

  /** One or more floats, packed or not. */
  async floats(field: WireField, into: number[]): Promise<void> {
    this.#expect(field, wireType.fixed32, wireType.bytes);
    if ((field.end - field.start) % 4 !== 0) throw this.fail('floats of four bytes do not fill their field');
    const view = new DataView((await this.take(field)).buffer);
    for (let at = 0; at < view.byteLength; at += 4) into.push(view.getFloat32(at, true));
  }

  /** The bytes of a field, held. */
  async take(field: WireField): Promise<Uint8Array<ArrayBuffer>> {
    const length = field.end - field.start;
    this.hold(length);
    this.#at = field.start;
    const bytes = new Uint8Array(length);
    if (length > windowBytes) {
      await this.file.read(field.start, bytes);
      return bytes;
    }
    await this.#fill(length);
    const from = this.#at - this.#windowStart;
    bytes.set(this.#window.subarray(from, from + length));
    return bytes;
  }

  async text(field: WireField): Promise<string> {
    const bytes = await this.take(this.bytesOf(field));
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      this.#at = field.start;
      throw this.fail('a text is no UTF-8', cause);
    }
  }
}
