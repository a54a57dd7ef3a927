import type { Random } from '@graftjs/core';
import { changeBytes } from '@graftjs/core/testing';
import { encodeFields, type Field, parseFields } from './wire.js';

export const pick = <T>(from: readonly T[], random: Random): T => from[random.below(from.length)]!;

const powers = [7n, 8n, 14n, 16n, 21n, 28n, 31n, 32n, 35n, 40n, 52n, 53n, 62n, 63n, 64n].map((bits) => 1n << bits);

/** A number that readers trip over: around 0, around powers of two, or around what was there. */
export function oddNumber(original: bigint, random: Random): bigint {
  const near = BigInt(random.below(5)) - 2n;
  switch (random.below(4)) {
    case 0:
      return near;
    case 1:
      return pick(powers, random) + near;
    case 2:
      return original + near;
    default:
      return original * BigInt(random.below(300));
  }
}

/** A field put in the place of one, which may hold others. */
function changeField(field: Field, random: Random): Field[] {
  const { number, value } = field;
  if (Array.isArray(value) && value.length > 0 && random.below(3) > 0) {
    return [{ ...field, value: changeFields(value as readonly Field[], random) }];
  }
  switch (random.below(7)) {
    case 0:
      return [];
    case 1:
      return new Array<Field>(2 + random.below(60)).fill(field);
    case 2:
      return [{ ...field, number: 1 + random.below(14) }];
    case 3:
      return [{ ...field, wire: random.below(8) }];
    case 4: {
      // The same within itself, deeper and deeper.
      let inner: readonly Field[] = [field];
      for (let depth = random.below(40); depth >= 0; depth--) inner = [{ number, wire: 2, value: inner }];
      return [...inner];
    }
    default:
      if (typeof value === 'bigint') return [{ ...field, value: oddNumber(value, random) }];
      return [
        {
          ...field,
          value: changeBytes(value instanceof Uint8Array ? value : encodeFields(value as readonly Field[]), random),
        },
      ];
  }
}

function changeFields(fields: readonly Field[], random: Random): Field[] {
  const at = random.below(fields.length);
  const [before, after] = [fields.slice(0, at), fields.slice(at + 1)];
  if (random.below(12) === 0) return [...after, fields[at]!, ...before];
  return [...before, ...changeField(fields[at]!, random), ...after];
}

/** The bytes of a message with something in it changed. */
export function changeMessage(bytes: Uint8Array, random: Random): Uint8Array {
  const fields = parseFields(bytes);
  if (!fields || fields.length === 0) return changeBytes(bytes, random);
  if (random.below(5) > 0) return encodeFields(changeFields(fields, random));
  // One of all the lengths in it is a lie.
  let lengths = 0;
  encodeFields(fields, (length) => BigInt(length + 0 * lengths++));
  const lied = random.below(Math.max(lengths, 1));
  let at = 0;
  const lie = (length: number) => (at++ === lied ? oddNumber(BigInt(length), random) : BigInt(length));
  return encodeFields(fields, lie);
}
