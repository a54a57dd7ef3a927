import { type Normalization, UsageError } from '@graftjs/core';
import { Option } from 'commander';
import { ofChannels } from './option-values.js';

/** What `normalizationOptions` give. */
export interface NormalizationValues {
  readonly mean?: [number, number, number];
  readonly deviation?: [number, number, number];
}

/** `--mean` and `--deviation`. */
export const normalizationOptions = (): readonly [mean: Option, deviation: Option] => [
  new Option(
    '--mean <r,g,b>',
    "what is subtracted from images, of 0 to 255 (default: what the checkpoint's source does, else the network's own)",
  ).argParser(ofChannels('from 0 to 255', (x) => x >= 0 && x <= 255)),
  new Option('--deviation <r,g,b>', 'what they are divided by then, on the same scale; goes with --mean').argParser(
    ofChannels('above 0', (x) => x > 0),
  ),
];

/** @throws UsageError `usage/missing-option` where one came without the other */
export function normalizationOf({ mean, deviation }: NormalizationValues): Normalization | undefined {
  if ((mean === undefined) !== (deviation === undefined)) {
    throw new UsageError('usage/missing-option', '--mean and --deviation go together: give both, or neither.');
  }
  return mean && deviation && { mean, deviation };
}
