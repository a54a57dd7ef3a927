import { type CheckpointError, damagedCheckpoint } from '@graftjs/core';

const [quote, backslash, space, zero, nine] = [0x22, 0x5c, 0x20, 0x30, 0x39];
const blanks = new Set([space, 0x09, 0x0a, 0x0d]);
const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Goes through the bytes of a header. It takes the JSON that the format has, objects of known depth with texts and whole
 * numbers, and no more: unlike `JSON.parse` it sees names that come twice, and nothing can make it deep or large.
 * @throws CheckpointError `checkpoint/damaged` with the byte of the file, from each method
 */
export class HeaderScanner {
  readonly #path: string;
  readonly #bytes: Uint8Array;
  /** Where `#bytes` begins in the file. */
  readonly #start: number;
  #at = 0;

  constructor(path: string, bytes: Uint8Array, start: number) {
    this.#path = path;
    this.#bytes = bytes;
    this.#start = start;
  }

  /** The error for what is at the present place. */
  fail(problem: string, cause?: unknown): CheckpointError {
    return damagedCheckpoint(this.#path, this.#start + this.#at, problem, cause);
  }

  #expect(character: string): void {
    if (!this.#take(character)) throw this.#unexpected(`'${character}'`);
  }

  #take(character: string): boolean {
    this.#skipBlanks();
    if (this.#bytes[this.#at] !== character.charCodeAt(0)) return false;
    this.#at++;
    return true;
  }

  #skipBlanks(): void {
    while (blanks.has(this.#bytes[this.#at] as number)) this.#at++;
  }

  #unexpected(expected: string): CheckpointError {
    const byte = this.#bytes[this.#at];
    const isPrintable = byte !== undefined && byte > space && byte < 0x7f;
    const came = byte === undefined ? 'its end' : isPrintable ? `'${String.fromCharCode(byte)}'` : `the byte ${byte}`;
    return this.fail(`the header has ${came} where ${expected} should be`);
  }

  /** Takes an object: `onField` takes the value of each of its fields. A name that comes twice is refused. */
  object(onField: (name: string) => void): void {
    this.#expect('{');
    if (this.#take('}')) return;
    const names = new Set<string>();
    do {
      const name = this.text();
      if (names.has(name)) throw this.fail(`the header has '${name}' twice`);
      names.add(name);
      this.#expect(':');
      onField(name);
    } while (this.#take(','));
    this.#expect('}');
  }

  /** Takes an array of at most so many whole numbers from 0 up. */
  wholeNumbers(most: number): number[] {
    this.#expect('[');
    const numbers: number[] = [];
    if (this.#take(']')) return numbers;
    do {
      if (numbers.length === most) throw this.fail(`the header has more than ${most} numbers in a list`);
      numbers.push(this.#wholeNumber());
    } while (this.#take(','));
    this.#expect(']');
    return numbers;
  }

  #wholeNumber(): number {
    this.#skipBlanks();
    const first = this.#at;
    let value = 0;
    for (let byte = this.#bytes[first]; byte !== undefined && byte >= zero && byte <= nine; ) {
      value = 10 * value + byte - zero;
      byte = this.#bytes[++this.#at];
    }
    if (this.#at === first) throw this.#unexpected('a whole number from 0 up');
    if (this.#bytes[first] === zero && this.#at > first + 1) throw this.fail('a number in the header begins with 0');
    if (value > Number.MAX_SAFE_INTEGER) throw this.fail('a number in the header is larger than 2^53 - 1');
    return value;
  }

  text(): string {
    this.#skipBlanks();
    const first = this.#at;
    if (this.#bytes[first] !== quote) throw this.#unexpected('a text in quotes');
    let end = first + 1;
    while (end < this.#bytes.length && this.#bytes[end] !== quote) end += this.#bytes[end] === backslash ? 2 : 1;
    if (end >= this.#bytes.length) throw this.fail('a text in the header has no end');
    let text: string;
    try {
      text = JSON.parse(decoder.decode(this.#bytes.subarray(first, end + 1)));
    } catch (cause) {
      throw this.fail('a text in the header is no JSON string in UTF-8', cause);
    }
    if (/\p{Surrogate}/u.test(text)) throw this.fail('a text in the header has half of a character');
    this.#at = end + 1;
    return text;
  }

  /** Refuses what follows but blanks. */
  end(): void {
    this.#skipBlanks();
    if (this.#at < this.#bytes.length) throw this.#unexpected('the end of it');
  }
}
