import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { DataError } from '@graftjs/core';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMask, readMaskHeader } from './read-mask.js';

interface PillowMask {
  readonly name: string;
  readonly values: readonly (readonly number[])[];
  readonly png: string;
}

const { masks } = JSON.parse(readFileSync(new URL('../fixtures/pillow-masks.json', import.meta.url), 'utf8')) as {
  masks: PillowMask[];
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'read-mask-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(bytes: Uint8Array): Promise<string> {
  const path = join(folder, 'mask.png');
  await writeFile(path, bytes);
  return path;
}

async function fails(work: Promise<unknown>): Promise<DataError> {
  const error: unknown = await work.catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DataError);
  return error as DataError;
}

const [height, width] = [20, 30];
const labels = Uint8Array.from({ length: height * width }, (_, i) => (i * 7) % 5);
const palette = Array.from({ length: 256 }, () => [1, 2, 3]);
const whole = encode({ data: labels, height, width, channels: 1, depth: 8, palette });

describe('readMask', () => {
  it.each(masks)('reads the $name as Pillow wrote it', async ({ values, png }) => {
    const size = { height: values.length, width: values[0]!.length };
    const path = await file(Buffer.from(png, 'base64'));
    expect(await readMaskHeader(path)).toMatchObject(size);
    expect([...(await readMask(path, size, 4))]).toEqual(values.flat());
  });

  it('reads interlaced masks of 8 bits', async () => {
    const image = sharp(labels, { raw: { height, width, channels: 1 } });
    const path = await file(await image.toColourspace('b-w').png({ progressive: true }).toBuffer());
    expect(await readMask(path, { height, width }, 5)).toEqual(labels);
  });

  it.each([
    ['RGB', 8, () => encode({ data: new Uint8Array(18), height: 2, width: 3, channels: 3 })],
    ['RGBA', 8, () => encode({ data: new Uint8Array(24), height: 2, width: 3, channels: 4 })],
    ['grey with alpha', 8, () => encode({ data: new Uint8Array(12), height: 2, width: 3, channels: 2 })],
    ['grey', 16, () => encode({ data: new Uint16Array(6), height: 2, width: 3, channels: 1, depth: 16 })],
  ])('refuses what is %s of %i bits, and says what it should be', async (kind, bits, draw) => {
    const path = await file(draw());
    for (const read of [() => readMaskHeader(path), () => readMask(path, { height: 2, width: 3 }, 5)]) {
      const error = await fails(read());
      expect(error.code).toBe('data/mask-form');
      expect(error.message).toContain(
        `${path} is a PNG that is ${kind}, ${bits} bits a channel. A mask is a PNG of palette`,
      );
    }
  });

  it('refuses interlaced masks whose pixels share bytes', async () => {
    const drawn = sharp(Buffer.from([0, 255, 0, 255]), { raw: { height: 2, width: 2, channels: 1 } });
    const path = await file(await drawn.png({ palette: true, colours: 2, progressive: true }).toBuffer());
    const error = await fails(readMask(path, { height: 2, width: 2 }, 5));
    expect([error.code, error.message]).toEqual([
      'data/mask-form',
      expect.stringContaining('is interlaced, of 1 bits'),
    ]);
  });

  it('refuses a JPEG and an empty file', async () => {
    const drawn = sharp(Buffer.alloc(12), { raw: { height: 2, width: 2, channels: 3 } });
    const jpeg = await file(await drawn.jpeg().toBuffer());
    expect((await fails(readMaskHeader(jpeg))).message).toContain(`${jpeg} is no PNG`);
    const empty = await file(Buffer.alloc(0));
    expect(await fails(readMaskHeader(empty))).toMatchObject({
      code: 'data/damaged-mask',
      message: expect.stringContaining('it is empty'),
    });
    const gone = join(folder, 'gone.png');
    expect(await fails(readMaskHeader(gone))).toMatchObject({
      code: 'data/unreadable',
      message: expect.stringContaining(gone),
    });
  });

  it('refuses another size than the image has', async () => {
    const path = await file(whole);
    const error = await fails(readMask(path, { height: height + 1, width }, 5));
    expect([error.code, error.message]).toEqual([
      'data/mask-size',
      `The mask ${path} is 20 x 30 pixels, and its image 21 x 30: both must be the same.`,
    ]);
    expect((await fails(readMask(path, { height: width, width: height }, 5))).message).toContain('EXIF');
  });

  it('refuses a label that is no class, with its place, and takes 255 for void', async () => {
    const marked = labels.slice();
    marked[3 * width + 11] = 255;
    marked[7 * width + 2] = 5;
    const path = await file(encode({ data: marked, height, width, channels: 1, depth: 8, palette }));
    expect(await readMask(path, { height, width }, 6)).toEqual(marked);
    const error = await fails(readMask(path, { height, width }, 5));
    expect([error.code, error.message]).toEqual([
      'data/label',
      expect.stringContaining(`${path} has the label 5 at column 2, row 7; accepted are 0 to 4`),
    ]);
  });

  it('refuses a mask that ends anywhere before its end', async () => {
    for (let length = 0; length < whole.length; length += 13) {
      const path = await file(whole.subarray(0, length));
      const { code, message } = await fails(readMask(path, { height, width }, 5));
      expect(code).toBe(length < 8 && length > 0 ? 'data/mask-form' : 'data/damaged-mask');
      if (length >= 33) expect(message).toBe(`${path} cannot be decoded: it ends too early.`);
      else expect(message.startsWith(path)).toBe(true);
    }
  });

  it('refuses a mask with any byte changed', async () => {
    for (let at = 0; at < whole.length; at += 11) {
      const changed = whole.slice();
      changed[at]! ^= 0x55;
      const error = await fails(readMask(await file(changed), { height, width }, 5));
      expect(error.code).toMatch(/^data\/(damaged-mask|mask-form|mask-size)$/);
    }
  });

  /** Puts other compressed pixels in the place of a PNG's. */
  function withPixels(pixels: Uint8Array): Uint8Array {
    const png = encode({ data: new Uint8Array(1), height: 1, width: 1, channels: 1, depth: 8, palette });
    const at = Buffer.from(png).indexOf('IDAT') - 4;
    const deflated = deflateSync(pixels);
    const chunk = Buffer.alloc(12 + deflated.length);
    chunk.writeUInt32BE(deflated.length, 0);
    chunk.write('IDAT', 4, 'latin1');
    chunk.set(deflated, 8);
    return Buffer.concat([png.subarray(0, at), chunk, png.subarray(png.length - 12)]);
  }

  it('never inflates what is much larger than its pixels', async () => {
    const path = await file(withPixels(new Uint8Array(300_000_000)));
    const before = process.memoryUsage().rss;
    const error = await fails(readMask(path, { height: 1, width: 1 }, 5));
    expect(error.code).toBe('data/damaged-mask');
    expect(error.message).toMatch(/\d+ bytes are more than its pixels can be/);
    expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000);
  });

  it('allocates nothing for a size that the image does not have', async () => {
    const huge = Buffer.from(whole);
    huge.writeUInt32BE(0xffff_ffff, 16);
    huge.writeUInt32BE(0xffff_ffff, 20);
    expect((await fails(readMask(await file(huge), { height, width }, 5))).code).toBe('data/mask-size');
  });
});
