import { expect, it } from 'vitest';
import { replaceSection } from './results.js';

const text = '# Results\n\nWritten by a command.\n\n## a\n\nold a\n\n## c\n\nold c\n';

it('replaces the section of a benchmark that ran again and keeps the others as they were', () => {
  expect(replaceSection(text, 'a', '## a\n\nnew a\n')).toBe(text.replace('old a', 'new a'));
});

it('puts a new section in its place by name, and takes no name for the beginning of another', () => {
  const ab = '# Results\n\nWritten by a command.\n\n## a\n\nold a\n\n## a-b\n\nnew\n\n## c\n\nold c\n';
  expect(replaceSection(text, 'a-b', '## a-b\n\nnew\n')).toBe(ab);
  expect(replaceSection(ab, 'a', '## a\n\nold a\n')).toBe(ab);
});
