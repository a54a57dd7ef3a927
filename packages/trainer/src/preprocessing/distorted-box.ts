import type { Random } from '@graftjs/core';
import type { Region } from './resize-bilinear.js';
import { roundHalfEven } from './round-half-even.js';

const smallestArea = 0.05;
const [smallestAspect, largestAspect] = [0.75, 1.33];
/** Of the whole image, which stands for the object where there is no bounding box. So no crop is smaller than this. */
const leastCovered = 0.1;
const attempts = 100;

/** One attempt at a crop of an aspect (width by height); undefined where none fits. */
function drawBox(height: number, width: number, aspect: number, random: Random): Region | undefined {
  const area = height * width;
  const least = smallestArea * area;
  let largestHeight = roundHalfEven(Math.sqrt(area / aspect));
  if (roundHalfEven(largestHeight * aspect) > width) {
    largestHeight = Math.floor((width + 0.5 - 1e-7) / aspect);
    if (roundHalfEven(largestHeight * aspect) > width) largestHeight--;
  }
  largestHeight = Math.min(largestHeight, height);
  const smallestHeight = Math.min(roundHalfEven(Math.sqrt(least / aspect)), largestHeight);
  let boxHeight = smallestHeight + random.below(largestHeight - smallestHeight + 1);
  // Rounding may have left the bounds by a pixel.
  if (roundHalfEven(boxHeight * aspect) * boxHeight < least) boxHeight++;
  if (roundHalfEven(boxHeight * aspect) * boxHeight > area) boxHeight--;
  const boxWidth = roundHalfEven(boxHeight * aspect);
  const boxArea = boxWidth * boxHeight;
  if (boxArea < Math.max(least, leastCovered * area, 1) || boxHeight > height || boxWidth > width) return undefined;
  // TensorFlow draws below the difference, so that a crop never ends at the last row or column that it could.
  const top = boxHeight < height ? random.below(height - boxHeight) : 0;
  const left = boxWidth < width ? random.below(width - boxWidth) : 0;
  return { top, left, height: boxHeight, width: boxWidth };
}

/**
 * Draws a part of an image as TensorFlow's `sample_distorted_bounding_box` with Slim's settings for Inception: an aspect
 * of 0.75 to 1.33, an area of 5% to all of the image, of which at least a tenth is covered, 100 attempts, then all.
 */
export function drawDistortedBox(height: number, width: number, random: Random): Region {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const aspect = smallestAspect + random.uniform() * (largestAspect - smallestAspect);
    const box = drawBox(height, width, aspect, random);
    if (box) return box;
  }
  return { top: 0, left: 0, height, width };
}
