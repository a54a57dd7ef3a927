import { UsageError } from '@graftjs/core';

/**
 * What each trained variable's learning rate is multiplied by: the factor of the scope that it begins with, the longest
 * where there are several.
 * @param trained names of variables
 * @param multipliers factors by scope
 * @returns factors by variable, of those that have one
 * @throws UsageError `usage/no-such-scope` for a scope of nothing that trains
 */
export function resolveMultipliers(
  trained: readonly string[],
  multipliers: Readonly<Record<string, number>>,
): Map<string, number> {
  const factors = new Map<string, number>();
  const scopes = Object.keys(multipliers).sort((a, b) => a.length - b.length);
  for (const scope of scopes) {
    const names = trained.filter((name) => name.startsWith(scope));
    for (const name of names) factors.set(name, multipliers[scope]!);
    if (names.length > 0) continue;
    const layers = [...new Set(trained.map((name) => name.slice(0, name.lastIndexOf('/'))))];
    throw new UsageError(
      'usage/no-such-scope',
      `There is a multiplier for '${scope}', and no variable that trains begins with it. Layers that train: ${layers.join(', ')}.`,
      { details: { scope, layers } },
    );
  }
  return factors;
}
