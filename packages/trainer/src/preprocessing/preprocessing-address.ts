import type { Preprocessing } from '@graftjs/core';
import { isBuiltInForMasks } from './create-mask-preprocessing.js';
import { isBuiltIn } from './create-preprocessing.js';

/** What another thread finds a preprocessing by: its name, and the URL of a module that exports it unless it is Graft's own. */
export interface PreprocessingAddress {
  readonly name: string;
  readonly module?: string;
}

/** Where a preprocessing is found; undefined where it is no module's, so that only its own thread has it. */
export function addressOf(preprocessing: Pick<Preprocessing, 'name' | 'module'>): PreprocessingAddress | undefined {
  const { name, module } = preprocessing;
  if (module !== undefined) return { name, module };
  return isBuiltIn(preprocessing) || isBuiltInForMasks(preprocessing) ? { name } : undefined;
}
