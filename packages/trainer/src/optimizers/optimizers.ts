import type { Optimizer } from '@graftjs/core';
import { adadelta } from './adadelta.js';
import { adagrad } from './adagrad.js';
import { adam, adamw } from './adam.js';
import { ftrl } from './ftrl.js';
import { momentum, nesterov, sgd } from './gradient-descent.js';
import { rmsprop } from './rmsprop.js';

/** By the names that a run's config calls them by, each with its defaults. */
export const optimizers: Readonly<Record<string, () => Optimizer>> = {
  sgd,
  momentum,
  nesterov,
  adagrad,
  adadelta,
  adam,
  adamw,
  rmsprop,
  ftrl,
};
