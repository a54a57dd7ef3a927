import { type Image, voidLabel } from '@graftjs/core';
import { checkMask } from './check-mask.js';
import { type Colour, vocPalette } from './voc-palette.js';

/** Of a pixel that is predicted wrongly; no label of VOC's palette has it. */
export const wrongColour: Colour = [255, 0, 80];
/** How much of an image's contrast is left where it is only to be recognised. */
const contrast = 0.5;

/** A mask in VOC's colours. */
export function paintMask(mask: Uint8Array, height: number, width: number): Image {
  checkMask(mask, { height, width });
  const data = new Uint8Array(mask.length * 3);
  for (let i = 0; i < mask.length; i++) data.set(vocPalette[mask[i]!]!, i * 3);
  return { data, height, width };
}

/** Where a prediction is wrong, on the image in pale grey; what is void has void's colour. */
export function paintErrors(image: Image, truth: Uint8Array, prediction: Uint8Array): Image {
  checkMask(truth, image);
  checkMask(prediction, image);
  const { height, width } = image;
  const data = new Uint8Array(truth.length * 3);
  for (let i = 0; i < truth.length; i++) {
    if (truth[i] === voidLabel) data.set(vocPalette[voidLabel]!, i * 3);
    else if (truth[i] !== prediction[i]) data.set(wrongColour, i * 3);
    else {
      const [red, green, blue] = [image.data[i * 3]!, image.data[i * 3 + 1]!, image.data[i * 3 + 2]!];
      const grey = 0.299 * red + 0.587 * green + 0.114 * blue;
      data.fill(Math.round(255 - (255 - grey) * contrast), i * 3, i * 3 + 3);
    }
  }
  return { data, height, width };
}
