import { DataError, type Image } from '@graftjs/core';
import { formulaImage } from '@graftjs/core/testing';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodeImage } from './encode-image.js';
import { overlayMask } from './overlay-mask.js';
import { vocPalette } from './voc-palette.js';

const [height, width] = [7, 9];
const image: Image = { data: formulaImage('overlay', height, width), height, width };
const mask = Uint8Array.from({ length: height * width }, (_, i) => [0, 1, 2, 255][i % 4]!);

describe('overlayMask', () => {
  it.each([0, 0.25, 0.5, 1])(
    'lays colours over the image with an opacity of %f, and leaves label 0 clear',
    (opacity) => {
      const { data } = overlayMask(image, mask, opacity);
      const expected = Array.from(image.data, (value, i) => {
        const label = mask[Math.floor(i / 3)]!;
        return label === 0 ? value : Math.round(value * (1 - opacity) + vocPalette[label]![i % 3]! * opacity);
      });
      expect([...data]).toEqual(expected);
    },
  );

  it('is half by default, and leaves the image as it was', () => {
    const before = image.data.slice();
    expect(overlayMask(image, mask)).toEqual(overlayMask(image, mask, 0.5));
    expect(image.data).toEqual(before);
  });

  it('refuses a mask of another size', () => {
    expect(() => overlayMask(image, mask.subarray(1))).toThrow(DataError);
  });

  it('becomes a PNG without loss', async () => {
    const { data } = overlayMask(image, mask);
    const decoded = await sharp(await encodeImage({ data, height, width }))
      .raw()
      .toBuffer();
    expect([...decoded]).toEqual([...data]);
  });
});
