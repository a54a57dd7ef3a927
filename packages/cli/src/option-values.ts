import { InvalidArgumentError } from 'commander';

/** Reads a whole number; commander's error names the option, what came, and what this accepts. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
    throw new InvalidArgumentError(`Accepted: a whole number ${range}.`);
  };
}

/** Reads a number for which `accepts` is true; `accepted` says so in words: `a number above 0`. */
export function number(accepted: string, accepts: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isFinite(value) && accepts(value)) return value;
    throw new InvalidArgumentError(`Accepted: ${accepted}.`);
  };
}

/** Reads height and width in pixels: one number for a square, or both as `320x480`. */
export function imageSize(text: string): number | [height: number, width: number] {
  const [height, width, ...rest] = text.split('x').map((part) => (/^\d+$/.test(part) ? Number(part) : 0));
  if (height && rest.length === 0 && (width === undefined || width > 0))
    return width === undefined ? height : [height, width];
  throw new InvalidArgumentError('Accepted: a whole number from 1 on, or two as HEIGHTxWIDTH.');
}

/** Reads a comma-separated list: `vgg_16/fc8,vgg_16/fc7`. */
export function list(text: string): string[] {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  if (items.length > 0) return items;
  throw new InvalidArgumentError('Accepted: one or several names, with commas between them.');
}

/** Reads numbers for which `accepts` is true, with commas between them; `accepted` says so in words: `numbers above 0`. */
export function numbers(accepted: string, accepts: (value: number) => boolean): (text: string) => number[] {
  return (text) => {
    const values = list(text).map(Number);
    if (values.every((value) => Number.isFinite(value) && accepts(value))) return values;
    throw new InvalidArgumentError(`Accepted: ${accepted}, with commas between them.`);
  };
}

/** Reads a number for each of red, green and blue: `123.68,116.78,103.94`. */
export function ofChannels(
  accepted: string,
  accepts: (value: number) => boolean,
): (text: string) => [number, number, number] {
  return (text) => {
    const values = list(text).map(Number);
    const [red = Number.NaN, green = Number.NaN, blue = Number.NaN] = values;
    const all = [red, green, blue] as [number, number, number];
    if (values.length === 3 && all.every((value) => Number.isFinite(value) && accepts(value))) return all;
    throw new InvalidArgumentError(`Accepted: R,G,B, three numbers ${accepted}.`);
  };
}

/** Reads numbers above 0 by name: `vgg_16/fc8=10,vgg_16=0.1`. */
export function factors(text: string): Record<string, number> {
  const entries = list(text).map((item): [string, number] => {
    const at = item.lastIndexOf('=');
    return [item.slice(0, Math.max(at, 0)), item.slice(at + 1).trim() === '' ? Number.NaN : Number(item.slice(at + 1))];
  });
  const wrong = entries.some(([name, factor]) => name === '' || !(factor > 0 && factor < Number.POSITIVE_INFINITY));
  if (!wrong) return Object.fromEntries(entries);
  throw new InvalidArgumentError('Accepted: NAME=FACTOR, or several with commas between them, of numbers above 0.');
}
