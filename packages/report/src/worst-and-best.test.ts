import { expect, it } from 'vitest';
import { WorstAndBest } from './worst-and-best.js';

it.each([0, 1, 3, 40])('keeps %i of each, as sorting all of them does', (count) => {
  const scores = Array.from({ length: 30 }, (_, i) => (i * 7) % 11);
  const ranked = new WorstAndBest<number>(count);
  for (const [value, score] of scores.entries()) ranked.add(score, value);
  const all = scores.map((score, value) => ({ score, value }));
  expect(ranked.worst).toEqual(all.toSorted((a, b) => a.score - b.score).slice(0, count));
  expect(ranked.best).toEqual(all.toSorted((a, b) => b.score - a.score).slice(0, count));
});
