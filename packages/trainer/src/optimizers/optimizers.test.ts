import { readFileSync } from 'node:fs';
import { checkClose } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { optimizers } from './optimizers.js';

/** What TensorFlow had after each of five steps, every variable by its name; the fixture says by which calls. */
interface TensorFlow {
  readonly start: readonly number[];
  readonly steps: readonly { readonly rate: number; readonly gradient: readonly number[] }[];
  readonly optimizers: Readonly<
    Record<
      string,
      { readonly weightDecay?: number; readonly after: readonly Readonly<Record<string, readonly number[]>>[] }
    >
  >;
}

const tensorFlow = JSON.parse(
  readFileSync(new URL('../../fixtures/optimizers.json', import.meta.url), 'utf8'),
) as TensorFlow;

it('every optimizer has its figures', () => {
  expect(Object.keys(tensorFlow.optimizers).sort()).toEqual(Object.keys(optimizers).sort());
});

describe.each(Object.entries(tensorFlow.optimizers))('%s', (name, { weightDecay = 0, after }) => {
  it('does what TensorFlow does, in slots and scalars of its names', () => {
    const { start, steps } = tensorFlow;
    const optimizer = optimizers[name]!();
    expect(optimizer.name).toBe(name);
    const weights = Float32Array.from(start);
    const slots = optimizer.slots.map(({ initial }) => new Float32Array(start.length).fill(initial));
    const scalars = Float32Array.from(optimizer.scalars, ({ initial }) => initial);
    for (const [step, { rate, gradient }] of steps.entries()) {
      optimizer.update(weights, Float32Array.from(gradient), slots, rate, scalars, weightDecay);
      optimizer.advance?.(scalars);
      const actual: Record<string, ArrayLike<number>> = { w: weights };
      for (const [index, slot] of optimizer.slots.entries()) actual[`w/${slot.name}`] = slots[index]!;
      for (const [index, scalar] of optimizer.scalars.entries()) actual[scalar.name] = [scalars[index]!];
      const expected = after[step]!;
      expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
      for (const [variable, values] of Object.entries(expected)) {
        for (const [element, value] of values.entries()) {
          checkClose([actual[variable]![element]!], [value], 2e-6, `${variable}[${element}] after step ${step}`);
        }
      }
    }
  });
});

it('ftrl changes nothing at a rate of 0, which would divide by it', () => {
  const [weights, squares, linear] = [Float32Array.of(2), Float32Array.of(0.1), Float32Array.of(0)];
  optimizers.ftrl!().update(weights, Float32Array.of(3), [squares, linear], 0, new Float32Array(), 0);
  expect([weights[0], squares[0], linear[0]]).toEqual([2, Math.fround(0.1), 0]);
});
