import type { Image, Split } from '@graftjs/core';
import { createRandom } from '@graftjs/trainer';

/** What is to be told apart. */
export const classes = ['disc', 'square', 'cross'];

/** How far a point is inside of each shape of radius 1: above 0 inside. */
const inside: readonly ((x: number, y: number) => number)[] = [
  (x, y) => 1 - Math.hypot(x, y),
  (x, y) => 0.85 - Math.max(Math.abs(x), Math.abs(y)),
  (x, y) => 0.3 - Math.min(Math.abs(x), Math.abs(y)) - Math.max(0, Math.max(Math.abs(x), Math.abs(y)) - 1),
];

/** Two ways to draw: dark shapes filled on light paper, or light outlines on a dark, noisy ground. */
export type Manner = 'ink' | 'chalk';

const size = 32;

function draw(label: number, manner: Manner, seed: number): Image {
  const random = createRandom(seed);
  const radius = 7 + 6 * random.uniform();
  const [centreX, centreY] = [0, 0].map(() => radius + (size - 2 * radius) * random.uniform()) as [number, number];
  const data = new Uint8Array(size * size * 3);
  for (let y = 0, i = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const depth = inside[label]!((x - centreX) / radius, (y - centreY) / radius);
      const drawn = manner === 'ink' ? depth > 0 : Math.abs(depth) < 0.15;
      const value = manner === 'ink' ? (drawn ? 40 : 235) : drawn ? 220 : 20 + 60 * random.uniform();
      for (let channel = 0; channel < 3; channel++) data[i++] = value;
    }
  }
  return { data, height: size, width: size };
}

/** A split that is drawn when it is read: `count` images, the classes in turn. */
export function shapes(manner: Manner, count: number, seed: number): Split {
  const labels = Int32Array.from({ length: count }, (_, index) => index % classes.length);
  return {
    labels,
    id: (index) => `${manner} ${index}`,
    read: async (index) => draw(labels[index]!, manner, seed * 1_000_003 + index),
  };
}
