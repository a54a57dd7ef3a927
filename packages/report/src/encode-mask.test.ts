import { DataError } from '@graftjs/core';
import { decode } from 'fast-png';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodeMask } from './encode-mask.js';
import { vocPalette } from './voc-palette.js';

describe('encodeMask', () => {
  const [height, width] = [16, 19];
  const mask = Uint8Array.from({ length: height * width }, (_, i) => i % 256);
  const png = encodeMask(mask, height, width);

  it('keeps every label as the index of a palette', () => {
    const decoded = decode(png, { checkCrc: true });
    expect([decoded.height, decoded.width, decoded.depth, decoded.channels]).toEqual([height, width, 8, 1]);
    expect(decoded.data).toEqual(mask);
    expect(decoded.palette).toEqual(vocPalette);
  });

  it("shows VOC's colours to whoever looks at it", async () => {
    expect(await sharp(png).metadata()).toMatchObject({ format: 'png', isPalette: true, hasAlpha: false });
    const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(3);
    expect([...data]).toEqual([...mask].flatMap((label) => vocPalette[label]!));
  });

  it.each([
    [15, 19],
    [0, 19],
    [16, Number.NaN],
  ])('refuses another size: %s x %s', (rows, columns) => {
    expect(() => encodeMask(mask, rows, columns)).toThrow(DataError);
    expect(() => encodeMask(mask, rows, columns)).toThrow(`304 pixels came for ${rows} x ${columns}`);
  });
});
