import { describe, expect, it } from 'vitest';
import type { TensorInfo } from './checkpoint.js';
import type { Shape } from './dtype.js';
import { GraftError } from './errors.js';
import type { Variable } from './graph.js';
import { planRestore, selectScopes } from './scopes.js';

const variable = (name: string, shape: Shape): Variable => ({
  name,
  shape,
  initializer: { kind: 'constant', value: 0 },
  trainable: true,
  decayed: false,
});
const variables = [
  variable('net/conv1/weights', [3, 3, 3, 8]),
  variable('net/conv10/weights', [1, 1, 8, 8]),
  variable('net/fc8/weights', [1, 1, 8, 5]),
];
const tensors = (entries: Record<string, [Shape, TensorInfo['dtype']?]>): Map<string, TensorInfo> =>
  new Map(Object.entries(entries).map(([name, [shape, dtype = 'float32']]) => [name, { name, shape, dtype }]));

const caught = (act: () => unknown): GraftError => {
  try {
    act();
  } catch (error) {
    if (GraftError.isInstance(error)) return error;
  }
  throw new Error('No GraftError was thrown.');
};

describe('scopes', () => {
  it('are prefixes of names, as in Slim', () => {
    expect(selectScopes(variables, ['net/conv1']).map(({ name }) => name)).toEqual([
      'net/conv1/weights',
      'net/conv10/weights',
    ]);
    expect(selectScopes(variables, ['net/conv1/', 'net/fc8']).map(({ name }) => name)).toEqual([
      'net/conv1/weights',
      'net/fc8/weights',
    ]);
  });
  it('that take nothing are refused with what there is', () => {
    const error = caught(() => selectScopes(variables, ['net/fc9']));
    expect(error.code).toBe('usage/no-such-scope');
    expect(error.message).toContain("'net/fc9'");
    expect(error.message).toContain('net/conv1, net/conv10, net/fc8');
  });
});

describe('a restore is planned before anything is copied', () => {
  const fitting = { 'net/conv1/weights': [[3, 3, 3, 8]], 'net/conv10/weights': [[1, 1, 8, 8]] } as Record<
    string,
    [Shape]
  >;

  it('restores what fits and leaves out what is excluded', () => {
    const rows = planRestore(variables, tensors({ ...fitting, 'net/fc8/weights': [[1, 1, 8, 1000]] }), {
      exclude: ['net/fc8'],
    });
    expect(rows.map(({ status }) => status)).toEqual(['restored', 'restored', 'excluded']);
  });
  it('restores only what is included', () => {
    const rows = planRestore(variables, tensors(fitting), { include: ['net/conv10'] });
    expect(rows.map(({ status }) => status)).toEqual(['excluded', 'restored', 'excluded']);
  });
  it('lists all that is missing or has another shape or type, in one table', () => {
    const error = caught(() =>
      planRestore(
        variables,
        tensors({ 'net/conv1/weights': [[3, 3, 3, 8], 'float64'], 'net/fc8/weights': [[1, 1, 8, 1000]] }),
      ),
    );
    expect(error.code).toBe('checkpoint/does-not-fit');
    const lines = error.message.split('\n');
    expect(lines).toContainEqual(expect.stringMatching(/^net\/conv1\/weights +mismatched +3x3x3x8 +3x3x3x8 float64$/));
    expect(lines).toContainEqual(expect.stringMatching(/^net\/conv10\/weights +missing +1x1x8x8 +-$/));
    expect(lines).toContainEqual(expect.stringMatching(/^net\/fc8\/weights +mismatched +1x1x8x5 +1x1x8x1000$/));
    expect(error.message).toContain('--exclude net/conv1,net/conv10,net/fc8');
  });
  it('names the widest scopes that hold nothing else', () => {
    const names = [
      'net/a/w',
      'net/aux/a/w',
      'net/aux/a/BatchNorm/beta',
      'net/aux/b/w',
      'net/mixed/a/w',
      'net/mixed/b/w',
    ];
    const all = names.map((name) => ({ ...variables[0]!, name }));
    const { shape } = variables[0]!;
    const error = caught(() => planRestore(all, tensors({ 'net/a/w': [shape], 'net/mixed/a/w': [shape] })));
    expect(error.message).toContain('--exclude net/aux,net/mixed/b, or');
  });
  it('lets missing ones start anew where asked, but never mismatched ones', () => {
    const rows = planRestore(variables, tensors(fitting), { ignoreMissing: true });
    expect(rows.map(({ status }) => status)).toEqual(['restored', 'restored', 'missing']);
    const error = caught(() =>
      planRestore(variables, tensors({ ...fitting, 'net/fc8/weights': [[5]] }), { ignoreMissing: true }),
    );
    expect(error.code).toBe('checkpoint/does-not-fit');
  });
});
