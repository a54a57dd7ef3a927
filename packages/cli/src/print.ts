import Table from 'cli-table3';

/** Writes lines to standard output. */
export function print(...lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Writes one JSON document to standard output. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

const noBorders = Object.fromEntries(
  ['top', 'bottom', 'mid', 'left', 'right']
    .flatMap((side) => ['', '-mid', '-left', '-right'].map((place) => side + place))
    .concat('middle')
    .map((name) => [name, '']),
);

/**
 * Rows under a heading as aligned lines.
 * @param columns their headings; one that begins with `>` is aligned to the right
 */
export function formatTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: columns.map((column) => column.replace(/^>/, '')),
    colAligns: columns.map((column) => (column.startsWith('>') ? 'right' : 'left')),
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString().replace(/ +$/gm, '');
}

const prefixes = ['', 'k', 'M', 'G', 'T', 'P'];

/** A number with a decimal prefix and its unit: `1.45 GB`. */
export function formatQuantity(value: number, unit: string): string {
  let [scaled, prefix] = [value, 0];
  while (scaled >= 999.5 && prefix < prefixes.length - 1) {
    scaled /= 1000;
    prefix++;
  }
  const digits = prefix === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${prefixes[prefix]}${unit}`;
}

/** A whole number with its thousands apart: `138,357,544`. */
export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}
