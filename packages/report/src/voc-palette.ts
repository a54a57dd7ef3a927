/** Red, green and blue, 0 to 255. */
export type Colour = readonly [red: number, green: number, blue: number];

/** The bits of a label go to red, green and blue in turn, the lowest to the highest bit of each. */
function colourOf(label: number): Colour {
  const colour: [number, number, number] = [0, 0, 0];
  for (let bit = 0; bit < 8; bit++) colour[bit % 3]! |= ((label >> bit) & 1) << (7 - Math.floor(bit / 3));
  return colour;
}

/**
 * PASCAL VOC's colours (VOClabelcolormap.m of its development kit), one for each label from 0 to 255: the same label has the
 * same colour in every image. 0, VOC's background, is black; 255, void, is cream.
 */
export const vocPalette: readonly Colour[] = Array.from({ length: 256 }, (_, label) => colourOf(label));
