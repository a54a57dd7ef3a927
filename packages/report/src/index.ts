export { createSheet, type SheetRow } from './create-sheet.js';
export { encodeImage } from './encode-image.js';
export { encodeMask } from './encode-mask.js';
export { overlayMask } from './overlay-mask.js';
export { type Colour, vocPalette } from './voc-palette.js';
export { type Ranked, WorstAndBest } from './worst-and-best.js';
