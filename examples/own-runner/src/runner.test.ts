import { describe, expect, it } from 'vitest';
import { kappa } from './kappa.js';
import { type Source, trainOnAll } from './runner.js';
import { type Manner, shapes } from './shapes.js';

describe('kappa', () => {
  it('is the textbook’s', () => {
    // Two readers of 50 applications (Wikipedia's worked example): observed 0.70, by chance 0.50.
    expect(
      kappa([
        [20, 5],
        [10, 15],
      ]),
    ).toBeCloseTo(0.4, 12);
    expect(
      kappa([
        [4, 0],
        [0, 6],
      ]),
    ).toBe(1);
  });
});

describe('a runner of one’s own', () => {
  const source = (manner: Manner, name: string = manner): Source => ({
    name,
    train: shapes(manner, 300, 1),
    test: shapes(manner, 150, 2),
  });

  it('learns both sources, each of which it would not know from the other', async () => {
    const both = await trainOnAll([source('ink'), source('chalk')], 150);
    expect(both.ink).toBeGreaterThan(0.9);
    expect(both.chalk).toBeGreaterThan(0.9);
    // Tested on chalk after learning from ink alone.
    const [ink, chalk] = [source('ink'), source('chalk')];
    const other = await trainOnAll([{ ...ink, test: chalk.test }], 150);
    expect(other.ink).toBeLessThan(both.chalk! - 0.2);
  });
});
