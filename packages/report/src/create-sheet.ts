import { type Image, voidLabel } from '@graftjs/core';
import sharp, { type OverlayOptions } from 'sharp';
import { drawText } from './draw-text.js';
import { paintErrors, paintMask, wrongColour } from './paint.js';
import { type Colour, vocPalette } from './voc-palette.js';

/** An image on a sheet, and what was made of it. */
export interface SheetRow {
  /** What stands above it: a file's name and its score. */
  readonly title: string;
  readonly image: Image;
  /** A label for each pixel. */
  readonly truth: Uint8Array;
  readonly prediction: Uint8Array;
}

const heads = ['image', 'truth', 'prediction', 'error'];
/** All in pixels: the sides of a panel at most, what is left free around everything, letters, a line of them, a colour's field. */
const [panel, margin, letters, line, field] = [256, 12, 13, 22, 14];
const sheetWidth = margin + heads.length * (panel + margin);

/** Something on the sheet, and where. */
interface Placed {
  readonly image: Image;
  readonly top: number;
  readonly left: number;
}

const filled = ([red, green, blue]: Colour, height: number, width: number): Image => {
  const data = new Uint8Array(height * width * 3);
  for (let i = 0; i < data.length; i += 3) data.set([red, green, blue], i);
  return { data, height, width };
};

/** Makes it fit into a panel, or into what is left of the sheet. Labels must not be mixed, so that they keep their colours. */
async function fit(image: Image, kernel: 'nearest' | 'lanczos3'): Promise<Image> {
  const { data, info } = await sharp(image.data, { raw: { ...sizeOf(image), channels: 3 } })
    .resize({ width: panel, height: panel, fit: 'inside', kernel })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), height: info.height, width: info.width };
}

const sizeOf = ({ height, width }: Image): { height: number; width: number } => ({ height, width });

/** A line of text, cut off where it would leave the sheet; its letters stand in the middle of the line. */
async function placeText(text: string, top: number, left: number): Promise<Placed> {
  const image = await drawText(text, letters);
  const width = Math.min(image.width, sheetWidth - margin - left);
  const height = Math.min(image.height, line);
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    data.set(image.data.subarray(y * image.width * 3, (y * image.width + width) * 3), y * width * 3);
  }
  return { image: { data, height, width }, top: top + ((line - height) >> 1), left };
}

async function placeRow({ title, image, truth, prediction }: SheetRow, top: number): Promise<Placed[]> {
  const { height, width } = image;
  const panels = await Promise.all([
    fit(image, 'lanczos3'),
    fit(paintMask(truth, height, width), 'nearest'),
    fit(paintMask(prediction, height, width), 'nearest'),
    fit(paintErrors(image, truth, prediction), 'nearest'),
  ]);
  return [
    await placeText(title, top, margin),
    ...panels.map((image, index) => ({ image, top: top + line, left: margin + index * (panel + margin) })),
  ];
}

/** The colours that occur in the masks and what they stand for, then what else does. */
function legendOf(rows: readonly SheetRow[], classes: readonly string[]): [name: string, colour: Colour][] {
  const found = new Set<number>();
  for (const { truth, prediction } of rows) {
    for (const mask of [truth, prediction]) for (let i = 0; i < mask.length; i++) found.add(mask[i]!);
  }
  const labels = [...found].filter((label) => label !== voidLabel).sort((a, b) => a - b);
  return [
    ...labels.map((label): [string, Colour] => [classes[label] ?? `label ${label}`, vocPalette[label]!]),
    ['void', vocPalette[voidLabel]!],
    ['error', wrongColour],
  ];
}

/** Sets fields of colour and their names in lines. */
async function placeLegend(legend: readonly [string, Colour][], top: number): Promise<Placed[]> {
  const placed: Placed[] = [];
  let [y, x] = [top, margin];
  for (const [name, colour] of legend) {
    const text = await placeText(name, 0, margin + field + 6);
    const width = field + 6 + text.image.width + margin;
    if (x > margin && x + width > sheetWidth) [y, x] = [y + line, margin];
    const swatch = { image: filled([96, 96, 96], field, field), top: y + ((line - field) >> 1), left: x };
    const inner = { image: filled(colour, field - 2, field - 2), top: swatch.top + 1, left: x + 1 };
    placed.push(swatch, inner, { ...text, top: y + text.top, left: x + field + 6 });
    x += width;
  }
  return placed;
}

const bottomOf = (placed: readonly Placed[]): number =>
  placed.reduce((most, { top, image }) => Math.max(most, top + image.height), 0);

/**
 * A sheet with a row for each image: the image, its true mask, the predicted one, and where that is wrong, in VOC's
 * colours, with a legend. Letters come from a font of its own.
 * @param classes their names, in the order of labels
 * @returns a PNG's bytes
 * @throws DataError `data/mask-size` for a mask that is not as large as its image
 */
export async function createSheet(rows: readonly SheetRow[], classes: readonly string[]): Promise<Uint8Array> {
  const placed: Placed[] = [];
  for (const [index, head] of heads.entries()) {
    placed.push(await placeText(head, margin, margin + index * (panel + margin)));
  }
  let top = margin + line;
  for (const row of rows) {
    const parts = await placeRow(row, top);
    placed.push(...parts);
    top = bottomOf(parts) + margin;
  }
  placed.push(...(await placeLegend(legendOf(rows, classes), top)));
  const height = bottomOf(placed) + margin;
  const overlays = placed.map(({ image, top, left }): OverlayOptions => {
    return {
      input: Buffer.from(image.data.buffer, image.data.byteOffset, image.data.length),
      raw: { ...sizeOf(image), channels: 3 },
      top,
      left,
    };
  });
  return sharp({ create: { width: sheetWidth, height, channels: 3, background: 'white' } })
    .composite(overlays)
    .removeAlpha()
    .png()
    .toBuffer();
}
