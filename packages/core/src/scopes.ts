import type { TensorInfo } from './checkpoint.js';
import { formatShape, type Shape, sameShape } from './dtype.js';
import { CheckpointError, UsageError } from './errors.js';
import type { Variable } from './graph.js';

/** True where `name` begins with one of the scopes: `vgg_16/fc8` takes `vgg_16/fc8/weights`, as Slim's prefixes do. */
export function inScopes(name: string, scopes: readonly string[]): boolean {
  return scopes.some((scope) => name.startsWith(scope));
}

/**
 * The variables whose names begin with one of the scopes. A scope that takes none is a `UsageError` that lists what
 * there is: a misspelt scope would otherwise train or keep the wrong layers without a word.
 */
export function selectScopes<T extends { readonly name: string }>(
  variables: readonly T[],
  scopes: readonly string[],
): T[] {
  for (const scope of scopes) {
    if (variables.some(({ name }) => name.startsWith(scope))) continue;
    const layers = [...new Set(variables.map(({ name }) => name.slice(0, name.lastIndexOf('/'))))];
    throw new UsageError(
      'usage/no-such-scope',
      `No variable begins with '${scope}'. The layers are: ${layers.join(', ')}.`,
      {
        details: { scope, layers },
      },
    );
  }
  return variables.filter(({ name }) => inScopes(name, scopes));
}

/** What happens to one variable when a checkpoint is restored. */
export interface RestoreRow {
  readonly name: string;
  readonly status: 'restored' | 'excluded' | 'missing' | 'mismatched';
  /** The graph's shape. */
  readonly expected: Shape;
  /** The checkpoint's, where it has the variable. */
  readonly found?: TensorInfo;
  /** What the checkpoint calls it, or would, where that is something else. */
  readonly tensor?: string;
}

/** Which variables to restore, by scope prefix, as `slim.get_variables_to_restore`. */
export interface RestoreSelection {
  /** Default: all. */
  readonly include?: readonly string[];
  /** Default: none. */
  readonly exclude?: readonly string[];
  /** Variables that the checkpoint lacks keep their initial values instead of being an error. Default false. */
  readonly ignoreMissing?: boolean;
}

/** The rows as an aligned table, a line each. */
export function formatRestoreTable(rows: readonly RestoreRow[]): string {
  const areNamed = rows.some(({ tensor }) => tensor !== undefined);
  const cells = rows.map(({ name, status, expected, found, tensor = '-' }) => [
    name,
    status,
    formatShape(expected),
    found ? `${formatShape(found.shape)}${found.dtype === 'float32' ? '' : ` ${found.dtype}`}` : '-',
    ...(areNamed ? [tensor] : []),
  ]);
  const headings = ['variable', 'status', 'network', 'checkpoint', ...(areNamed ? ['named there'] : [])];
  const lines = [headings, ...cells];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** The scopes, as wide as they can be below the network's own, that hold these variables and no others. */
function widestScopes(names: ReadonlySet<string>, variables: readonly Variable[]): string[] {
  const above = (scope: string) => scope.slice(0, Math.max(0, scope.lastIndexOf('/')));
  const isWhole = (scope: string) => variables.every(({ name }) => names.has(name) || !name.startsWith(`${scope}/`));
  const widest = (name: string): string => {
    let scope = above(name) || name;
    while (above(scope).includes('/') && isWhole(above(scope))) scope = above(scope);
    return scope;
  };
  return [...new Set([...names].map(widest))];
}

/**
 * Decides what a checkpoint gives to a graph, before anything is copied. Missing variables (unless they may be) and
 * mismatched ones are one `CheckpointError` with all of them in a table.
 * @param tensors what the checkpoint has, by the graph's names and in the graph's arrangement
 * @param nameOf what the checkpoint itself calls a variable, for the table; default: the same
 * @param parting where the checkpoint's own network parts from the graph, for the error
 * @returns a row for each variable of the graph, in its order
 */
export function planRestore(
  variables: readonly Variable[],
  tensors: ReadonlyMap<string, TensorInfo>,
  selection: RestoreSelection = {},
  nameOf: (variable: string) => string | undefined = (variable) => variable,
  parting = '',
): RestoreRow[] {
  const { include, exclude = [], ignoreMissing = false } = selection;
  const included = new Set((include ? selectScopes(variables, include) : variables).map(({ name }) => name));
  for (const { name } of selectScopes(variables, exclude)) included.delete(name);
  const rows = variables.map(({ name, shape }): RestoreRow => {
    const found = tensors.get(name);
    const tensor = nameOf(name);
    const isForeign = tensor !== undefined && tensor !== name;
    const row = { name, expected: shape, ...(found && { found }), ...(isForeign && { tensor }) };
    if (!included.has(name)) return { ...row, status: 'excluded' };
    if (!found) return { ...row, status: 'missing' };
    const fits = sameShape(found.shape, shape) && found.dtype === 'float32';
    return { ...row, status: fits ? 'restored' : 'mismatched' };
  });
  const wrong = rows.filter(({ status }) => status === 'mismatched' || (status === 'missing' && !ignoreMissing));
  if (wrong.length > 0) {
    const scopes = widestScopes(new Set(wrong.map(({ name }) => name)), variables).join(',');
    throw new CheckpointError(
      'checkpoint/does-not-fit',
      `The checkpoint does not fit the network:\n${formatRestoreTable(wrong)}\n${parting && `${parting}\n`}` +
        `Leave them out with --exclude ${scopes}, or give the network the options that the checkpoint was made with` +
        `${wrong.some(({ status }) => status === 'missing') ? ', or let missing ones start anew with --ignore-missing' : ''}.`,
      { details: { rows: wrong } },
    );
  }
  return rows;
}
