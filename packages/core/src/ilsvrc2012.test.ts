import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { ilsvrc2012 } from './ilsvrc2012.js';

it('has the 1,000 classes of the challenge, as the list that timm ships has them', () => {
  // timm 1.0, data/_info/imagenet_synsets.txt.
  const published = '70002b0ff5de60a3a17a82dbfcff291931f96225ddf941ad2e182fc39e183d15';
  const text = ilsvrc2012.map((name) => `${name}\n`).join('');
  expect(createHash('sha256').update(text).digest('hex')).toBe(published);
  expect(ilsvrc2012.length).toBe(1000);
  expect(ilsvrc2012.toSorted()).toEqual(ilsvrc2012);
});
