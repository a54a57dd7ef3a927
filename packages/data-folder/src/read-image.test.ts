import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError } from '@graftjs/core';
import { smoothImage, uniform } from '@graftjs/core/testing';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkHeader, readImage } from './read-image.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'read-image-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

const height = 9;
const width = 14;
const rgb = smoothImage('image', height, width);
const drawn = () => sharp(rgb, { raw: { width, height, channels: 3 } });

/** The largest difference to `expected`, after the sizes were found equal. */
function largestError(actual: Uint8Array, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return actual.reduce((largest, value, i) => Math.max(largest, Math.abs(value - expected[i]!)), 0);
}

const tripled = (grey: ArrayLike<number>): number[] => Array.from(grey).flatMap((value) => [value, value, value]);

describe('readImage', () => {
  it('gives the bytes of an RGB PNG, row by row', async () => {
    const image = await readImage(await file('rgb.png', await drawn().png().toBuffer()));
    expect([image.height, image.width]).toEqual([height, width]);
    expect(largestError(image.data, rgb)).toBe(0);
  });

  it('reads names that libraries take for patterns', async () => {
    const image = await readImage(await file('ä [1] %41 漢.png', await drawn().png().toBuffer()));
    expect(largestError(image.data, rgb)).toBe(0);
  });

  it('gives grey three equal channels', async () => {
    const grey = rgb.filter((_, i) => i % 3 === 0);
    const png = await sharp(grey, { raw: { width, height, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect((await sharp(png).metadata()).channels).toBe(1);
    const image = await readImage(await file('grey.png', png));
    expect(largestError(image.data, tripled(grey))).toBe(0);
    const jpeg = await sharp(png).toColourspace('b-w').jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(jpeg).metadata()).channels).toBe(1);
    expect(largestError((await readImage(await file('grey.jpg', jpeg))).data, tripled(grey))).toBeLessThanOrEqual(2);
  });

  it('cuts 16 bits to the upper 8', async () => {
    const deep = Uint16Array.from(uniform('deep', height * width), (u) => Math.floor(65536 * u));
    const png = await sharp(deep, { raw: { width, height, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    expect(await sharp(png).metadata()).toMatchObject({ channels: 1, bitsPerSample: 16 });
    const image = await readImage(await file('grey16.png', png));
    expect(largestError(image.data, tripled(deep.map((value) => value >> 8)))).toBe(0);
    const colours = await drawn().toColourspace('rgb16').png().toBuffer();
    expect((await sharp(colours).metadata()).bitsPerSample).toBe(16);
    expect(largestError((await readImage(await file('rgb16.png', colours))).data, rgb)).toBe(0);
  });

  it('looks palettes up', async () => {
    const png = await drawn().png({ palette: true, colours: 256, dither: 0 }).toBuffer();
    expect((await sharp(png).metadata()).isPalette).toBe(true);
    const image = await readImage(await file('palette.png', png));
    expect(largestError(image.data, rgb)).toBeLessThanOrEqual(1);
  });

  it('shows white where an image is transparent', async () => {
    const rgba = new Uint8Array(height * width * 4);
    const expected = new Float64Array(height * width * 3);
    for (let i = 0; i < height * width; i++) {
      const alpha = [0, 255, 128][i % 3]!;
      for (let c = 0; c < 3; c++) {
        rgba[4 * i + c] = rgb[3 * i + c]!;
        expected[3 * i + c] = (alpha * rgb[3 * i + c]! + (255 - alpha) * 255) / 255;
      }
      rgba[4 * i + 3] = alpha;
    }
    const png = await sharp(rgba, { raw: { width, height, channels: 4 } })
      .png()
      .toBuffer();
    const image = await readImage(await file('alpha.png', png));
    expect(largestError(image.data, expected)).toBeLessThanOrEqual(1);
  });

  it('converts CMYK', async () => {
    for (const [r, g, b] of [
      [255, 255, 255],
      [180, 120, 90],
      [90, 110, 140],
    ] as const) {
      const jpeg = await sharp({ create: { width, height, channels: 3, background: { r, g, b } } })
        .toColourspace('cmyk')
        .jpeg({ quality: 100 })
        .toBuffer();
      expect(await sharp(jpeg).metadata()).toMatchObject({ space: 'cmyk', channels: 4 });
      const image = await readImage(await file(`cmyk-${r}.jpg`, jpeg));
      const flat = new Array<readonly number[]>(height * width).fill([r, g, b]).flat();
      // Ink has fewer colours than light, so that there and back is not exact; inverted, it would be 75 and more.
      expect(largestError(image.data, flat)).toBeLessThanOrEqual(10);
    }
  });

  // What row 0 and column 0 of the file are in the upright image: Exif 2.32, 4.6.4 A, tag 274.
  it.each([
    [1, 'top', 'left'],
    [2, 'top', 'right'],
    [3, 'bottom', 'right'],
    [4, 'bottom', 'left'],
    [5, 'left', 'top'],
    [6, 'right', 'top'],
    [7, 'right', 'bottom'],
    [8, 'left', 'bottom'],
  ] as const)('turns EXIF orientation %i upright', async (orientation, row, column) => {
    // Blocks of 8 x 8 equal pixels pass through JPEG nearly unchanged.
    const [blocksDown, blocksAcross] = [2, 3];
    const colours = [200, 30, 30, 30, 200, 30, 30, 30, 200, 220, 220, 40, 40, 220, 220, 230, 230, 230];
    const [uprightHeight, uprightWidth] = [8 * blocksDown, 8 * blocksAcross];
    const upright = (y: number, x: number, c: number) => colours[3 * (blocksAcross * (y >> 3) + (x >> 3)) + c]!;
    const swapped = orientation > 4;
    const [rows, columns] = swapped ? [uprightWidth, uprightHeight] : [uprightHeight, uprightWidth];
    const stored = new Uint8Array(rows * columns * 3);
    const expected = new Uint8Array(stored.length);
    const along = (side: typeof row | typeof column, y: number, x: number) =>
      ({ top: y, bottom: uprightHeight - 1 - y, left: x, right: uprightWidth - 1 - x })[side];
    for (let y = 0; y < uprightHeight; y++) {
      for (let x = 0; x < uprightWidth; x++) {
        for (let c = 0; c < 3; c++) {
          expected[3 * (y * uprightWidth + x) + c] = upright(y, x, c);
          stored[3 * (along(row, y, x) * columns + along(column, y, x)) + c] = upright(y, x, c);
        }
      }
    }
    const jpeg = await sharp(stored, { raw: { width: columns, height: rows, channels: 3 } })
      .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
      .withMetadata({ orientation })
      .toBuffer();
    const image = await readImage(await file(`exif-${orientation}.jpg`, jpeg));
    expect([image.height, image.width]).toEqual([uprightHeight, uprightWidth]);
    expect(largestError(image.data, expected)).toBeLessThanOrEqual(3);
  });

  it.each([
    ['JPEG', () => drawn().jpeg({ quality: 100 })],
    ['progressive JPEG', () => drawn().jpeg({ quality: 100, progressive: true })],
    ['PNG', () => drawn().png()],
    ['interlaced PNG', () => drawn().png({ progressive: true })],
  ])('finds, past a sound header, that a %s ends too early', async (name, encode) => {
    const bytes = await encode().toBuffer();
    const path = await file(`short-${name}`, bytes.subarray(0, Math.floor(0.8 * bytes.length)));
    await checkHeader(path);
    const error: unknown = await readImage(path).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).code).toBe('data/damaged-image');
    expect((error as DataError).message).toContain(path);
    expect((error as DataError).cause).toBeInstanceOf(Error);
  });
});

/** A small JPEG whose header says that it is so large. */
async function withStatedSize(statedHeight: number, statedWidth: number): Promise<Uint8Array> {
  const jpeg = await drawn().jpeg().toBuffer();
  const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  jpeg.writeUInt16BE(statedHeight, frame + 5);
  jpeg.writeUInt16BE(statedWidth, frame + 7);
  return jpeg;
}

describe('checkHeader', () => {
  it('goes by the content, not by the name', async () => {
    await checkHeader(await file('png-in-truth.jpg', await drawn().png().toBuffer()));
    await expect(checkHeader(await file('gif.png', await drawn().gif().toBuffer()))).rejects.toThrow(
      /gif\.png is GIF; accepted are JPEG and PNG/,
    );
  });

  it.each([
    ['empty', Buffer.alloc(0)],
    ['text', Buffer.from('no image at all')],
    ['only a signature', Buffer.from([0xff, 0xd8, 0xff])],
  ])('refuses a file that is %s', async (name, bytes) => {
    const path = await file(`${name}.jpg`, bytes);
    const error: unknown = await checkHeader(path).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(DataError);
    expect((error as DataError).code).toBe('data/not-a-image');
    expect((error as DataError).message).toContain(path);
  });

  it('refuses more than 100 megapixels, and so does reading', async () => {
    await checkHeader(await file('allowed.jpg', await withStatedSize(10_000, 10_000)));
    const path = await file('bomb.jpg', await withStatedSize(10_001, 10_000));
    await expect(checkHeader(path)).rejects.toThrow(
      `${path} is 10001 x 10000 pixels; accepted are at most 100 megapixels`,
    );
    await expect(readImage(path)).rejects.toThrow('exceeds pixel limit');
  });
});
