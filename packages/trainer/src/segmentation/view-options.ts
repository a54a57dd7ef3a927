import { UsageError } from '@graftjs/core';

/** How a network looks at an image. */
export interface ViewOptions {
  /**
   * Height and width in pixels of windows that slide over the image, a third of each over its neighbours: the network gets
   * these instead of the whole image. Default: the whole.
   */
  readonly window?: number;
  /** How many times as large the image is looked at, once each. Default: 1. */
  readonly scales?: readonly number[];
  /** Whether its mirror image is looked at, too. Default false. */
  readonly flip?: boolean;
}

/** Scales beyond these make images of a pixel, or of hundreds of megapixels. */
const [smallestScale, largestScale] = [0.1, 8];

/** Windows smaller than this would be nothing but edges. */
const smallestWindow = 16;

/** @throws UsageError `usage/views` for a window or a scale that cannot be */
export function checkViews({ window, scales = [1] }: ViewOptions): void {
  const refuse = (what: string, received: unknown, accepted: string): never => {
    throw new UsageError('usage/views', `${what}: ${JSON.stringify(received)}. Accepted: ${accepted}.`, {
      details: { received, accepted },
    });
  };
  if (window !== undefined && !(Number.isSafeInteger(window) && window >= smallestWindow)) {
    refuse('The window cannot have this size', window, `a whole number of pixels, at least ${smallestWindow}`);
  }
  const fits = (scale: number) => scale >= smallestScale && scale <= largestScale;
  if (scales.length === 0 || !scales.every(fits)) {
    refuse('Images cannot be looked at in these scales', scales, `numbers from ${smallestScale} to ${largestScale}`);
  }
}
