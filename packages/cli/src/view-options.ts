import type { ViewOptions } from '@graftjs/trainer';
import type { Command } from 'commander';
import { numbers, wholeNumber } from './option-values.js';

/** What the options of `addViewOptions` are called. */
export const viewOptionNames = ['window', 'scales', 'flip'];

/** How images are looked at, for networks that tell the class of each pixel. */
export function addViewOptions(command: Command): Command {
  return command
    .option(
      '--window <px>',
      'of masks: slide a window of so many pixels over the image (default: the whole)',
      wholeNumber(16),
    )
    .option(
      '--scales <factors>',
      'of masks: look at the image in several sizes, such as 0.75,1,1.25 (default: 1)',
      numbers('numbers from 0.1 to 8', (x) => x >= 0.1 && x <= 8),
    )
    .option('--flip', 'of masks: look at its mirror image, too');
}

/** Those of the options that say so. */
export const viewsOf = ({ window, scales, flip }: ViewOptions): ViewOptions => ({
  ...(window !== undefined && { window }),
  ...(scales && { scales }),
  ...(flip && { flip }),
});
