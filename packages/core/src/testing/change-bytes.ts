import type { Random } from '../preprocessing.js';

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A file's bytes after damage: cut short, or some of them left out, doubled, filled, put in another place or changed. */
export function changeBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length + 1);
  const length = Math.floor(random.uniform() ** 3 * (bytes.length - at));
  // Not `slice`: that of a Buffer is no copy.
  const changed = new Uint8Array(bytes);
  switch (random.below(6)) {
    case 0:
      return changed.subarray(0, at);
    case 1:
      return joined(bytes.subarray(0, at), bytes.subarray(at + length));
    case 2:
      return joined(bytes.subarray(0, at + length), bytes.subarray(at));
    case 3:
      return changed.fill([0, 0x7f, 0x80, 0xff][random.below(4)]!, at, at + length);
    case 4:
      return changed.copyWithin(random.below(bytes.length + 1), at, at + length);
    default:
      for (let count = random.below(3); count >= 0 && bytes.length > 0; count--) {
        changed[random.below(bytes.length)]! ^= 1 + random.below(255);
      }
      return changed;
  }
}

/** What JSON is made of, and what it should not be made of. */
const jsonPieces = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '0',
  '9',
  '-',
  '.',
  'e',
  'e9',
  '[[[',
  '\\u',
  'null',
].concat(['99999999999999999999', '\xff', '\0']);

/**
 * A JSON document after damage: that of `changeBytes`, a piece of JSON put in, or another digit, which is what makes another
 * document that can be read.
 * @param words of the format, to be put in, too: `"dtype"`
 */
export function changeJson(document: Uint8Array, words: readonly string[], random: Random): Uint8Array {
  switch (random.below(3)) {
    case 0: {
      const pieces = [...jsonPieces, ...words];
      const at = random.below(document.length + 1);
      const piece = Uint8Array.from(pieces[random.below(pieces.length)]!, (character) => character.charCodeAt(0));
      return joined(document.subarray(0, at), piece, document.subarray(at));
    }
    case 1: {
      const digits = [...document.keys()].filter((at) => document[at]! >= 0x30 && document[at]! <= 0x39);
      const changed = new Uint8Array(document);
      if (digits.length > 0) changed[digits[random.below(digits.length)]!] = 0x30 + random.below(10);
      return changed;
    }
    default:
      return changeBytes(document, random);
  }
}
