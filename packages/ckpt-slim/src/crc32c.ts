import { createCRC32, type IHasher } from 'hash-wasm';

const castagnoli = 0x82f63b78;
let hasher: Promise<IHasher> | undefined;

/**
 * The CRC-32C (Castagnoli, RFC 3720) of bytes that come in pieces. All share one WebAssembly instance: each keeps only
 * the four bytes of its own state, so many can be under way at once.
 */
export class Crc32c {
  readonly #hasher: IHasher;
  #state: Uint8Array;

  private constructor(hasher: IHasher) {
    this.#hasher = hasher;
    this.#state = hasher.init().save();
  }

  static async create(): Promise<Crc32c> {
    hasher ??= createCRC32(castagnoli);
    return new Crc32c(await hasher);
  }

  update(bytes: Uint8Array): this {
    this.#state = this.#hasher.load(this.#state).update(bytes).save();
    return this;
  }

  /** The checksum of all bytes so far, from 0 to 2^32 - 1; more may follow. */
  get value(): number {
    const digest = this.#hasher.load(this.#state).digest('binary');
    return new DataView(digest.buffer, digest.byteOffset).getUint32(0);
  }

  /**
   * The checksum as tables and bundles store it: rotated and shifted, since the CRC of bytes that hold their own CRC
   * says little (tensorflow/core/lib/hash/crc32c.h).
   */
  get masked(): number {
    const crc = this.value;
    return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  }
}
