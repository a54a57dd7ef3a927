import { DataError, type Image, voidLabel } from '@graftjs/core';
import { smoothImage } from '@graftjs/core/testing';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { createSheet, type SheetRow } from './create-sheet.js';
import { type Colour, vocPalette } from './voc-palette.js';

const classes = ['sky', 'road', 'tree', 'car', 'sign'];

/** Labels 0 and 2 and void, of which a part is predicted as 1. */
function row(height: number, width: number, title = 'one'): SheetRow {
  const truth = Uint8Array.from({ length: height * width }, (_, i) =>
    i % width < 9 ? voidLabel : i % width < 40 ? 2 : 0,
  );
  const prediction = truth.map((label, i) => (label === voidLabel || i < 5 * width ? 1 : label));
  return { title, image: { data: smoothImage('sheet', height, width), height, width }, truth, prediction };
}

async function decoded(png: Uint8Array): Promise<Image> {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  expect(info.channels).toBe(3);
  return { data: new Uint8Array(data), height: info.height, width: info.width };
}

function part({ data, width }: Image, top: number, left: number, height: number, columns: number): number[] {
  const rows = Array.from({ length: height }, (_, y) => {
    const start = ((top + y) * width + left) * 3;
    return [...data.subarray(start, start + columns * 3)];
  });
  return rows.flat();
}

function count({ data }: Image, [red, green, blue]: Colour): number {
  let found = 0;
  for (let i = 0; i < data.length; i += 3) {
    if (data[i] === red && data[i + 1] === green && data[i + 2] === blue) found++;
  }
  return found;
}

const wrong: Colour = [255, 0, 80];
const colours = (mask: Uint8Array): number[] => [...mask].flatMap((label) => vocPalette[label]!);

describe('createSheet', () => {
  it('shows image, truth, prediction and error side by side, those that fit pixel by pixel', async () => {
    // As wide as a panel.
    const [height, width] = [60, 256];
    const one = row(height, width);
    const sheet = await decoded(await createSheet([one], classes));
    const top = 12 + 2 * 22;
    const panels = [0, 1, 2, 3].map((index) => part(sheet, top, 12 + index * 268, height, width));
    expect(panels[0]).toEqual([...one.image.data]);
    expect(panels[1]).toEqual(colours(one.truth));
    expect(panels[2]).toEqual(colours(one.prediction));
    const errors = Array.from(one.truth, (label, i): Colour => {
      if (label === voidLabel) return vocPalette[voidLabel]!;
      if (one.prediction[i] !== label) return wrong;
      const [red, green, blue] = one.image.data.subarray(i * 3, i * 3 + 3);
      const grey = Math.round(255 - (255 - (0.299 * red! + 0.587 * green! + 0.114 * blue!)) * 0.5);
      return [grey, grey, grey];
    });
    expect(panels[3]).toEqual(errors.flat());
  });

  it('makes images of any size fit, and mixes no labels', async () => {
    const rows = [row(97, 131), row(500, 333), row(3, 700), row(50, 60)];
    const sheet = await decoded(await createSheet(rows, classes));
    expect(sheet.width).toBe(12 + 4 * 268);
    let top = 12 + 22;
    for (const { image, truth, prediction } of rows) {
      const scale = 256 / Math.max(image.height, image.width);
      const [height, width] = [Math.max(1, Math.round(image.height * scale)), Math.round(image.width * scale)];
      for (const [index, mask] of [truth, prediction].entries()) {
        const panel = part(sheet, top + 22, 12 + (index + 1) * 268, height, width);
        const accepted = new Set([...new Set(mask)].map((label) => String(vocPalette[label])));
        const found = new Set<string>();
        for (let i = 0; i < panel.length; i += 3) found.add(String(panel.slice(i, i + 3)));
        expect([...found].filter((colour) => !accepted.has(colour))).toEqual([]);
        expect(found.size).toBe(accepted.size);
      }
      top += 22 + height + 12;
    }
  });

  it('has a legend of what is on it, and of nothing else', async () => {
    const one = row(60, 256);
    const sheet = await decoded(await createSheet([one], classes));
    const below = 12 + 2 * 22 + 60;
    const legend = { ...sheet, data: sheet.data.subarray(below * sheet.width * 3) };
    // Black letters have as many pixels as they have.
    for (const label of [1, 2, voidLabel]) expect(count(legend, vocPalette[label]!)).toBe(144);
    expect(count(legend, vocPalette[0]!)).toBeGreaterThanOrEqual(144);
    for (const label of [3, 4]) expect(count(legend, vocPalette[label]!)).toBe(0);
    expect(count(legend, wrong)).toBe(144);
  });

  it('breaks a legend that is too long into lines', async () => {
    const many = Array.from({ length: 200 }, (_, label) => `the class with number ${label}`);
    const truth = Uint8Array.from({ length: 200 }, (_, label) => label);
    const image = { data: new Uint8Array(600), height: 10, width: 20 };
    const sheet = await decoded(await createSheet([{ title: '', image, truth, prediction: truth }], many));
    for (const label of [199, 150, 77]) expect(count(sheet, vocPalette[label]!)).toBeGreaterThanOrEqual(144);
    expect(sheet.width).toBe(1084);
  });

  it('cuts off a title that is too long', async () => {
    const sheet = await decoded(await createSheet([row(20, 20, 'long '.repeat(400))], classes));
    expect(sheet.width).toBe(1084);
    const rest = part(sheet, 34, 1072, 22, 12);
    expect(rest.every((value) => value === 255)).toBe(true);
  });

  it('refuses a mask that is not as large as its image', async () => {
    const one = row(20, 20);
    for (const broken of [
      { ...one, truth: one.truth.subarray(1) },
      { ...one, prediction: one.prediction.subarray(1) },
    ]) {
      await expect(createSheet([broken], classes)).rejects.toThrow(DataError);
    }
  });
});
