/**
 * Cohen's kappa (1960) of a confusion matrix: agreement beyond chance, 1 for all right, 0 for guessing by frequency.
 * @param confusion `confusion[truth][prediction]`, numbers of images
 */
export function kappa(confusion: readonly (readonly number[])[]): number {
  const rows = confusion.map((row) => row.reduce((sum, n) => sum + n, 0));
  const columns = confusion.map((_, column) => confusion.reduce((sum, row) => sum + row[column]!, 0));
  const total = rows.reduce((sum, n) => sum + n, 0);
  const agreed = confusion.reduce((sum, row, index) => sum + row[index]!, 0) / total;
  const chance = rows.reduce((sum, n, index) => sum + n * columns[index]!, 0) / total ** 2;
  return (agreed - chance) / (1 - chance);
}
