import { checkClose } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { optimizers } from './optimizers.js';

const start = [0.5, -1.25, 0.031, 2];
const steps = [
  { rate: 0.1, gradient: [0.3, -0.02, 1.5, 0] },
  { rate: 0.05, gradient: [-0.7, 0.11, 0.25, 1e-4] },
  { rate: 0.02, gradient: [0.05, -3, 0.6, -2e-4] },
];

/**
 * What TensorFlow 2.15.1 had after each of the steps: tf.compat.v1.train's GradientDescentOptimizer, MomentumOptimizer
 * (0.9), AdamOptimizer (its defaults) and RMSPropOptimizer (decay 0.9, momentum 0.9, epsilon 1).
 */
const tensorFlow: Readonly<Record<string, readonly Readonly<Record<string, readonly number[]>>[]>> = {
  sgd: [
    { w: [0.469999999, -1.24800003, -0.119000003, 2.0] },
    { w: [0.504999995, -1.25349998, -0.131500006, 1.99999499] },
    { w: [0.504000008, -1.19350004, -0.1435, 1.99999905] },
  ],
  momentum: [
    { w: [0.469999999, -1.24800003, -0.119000003, 2.0], 'w/Momentum': [0.300000012, -0.0199999996, 1.5, 0.0] },
    {
      w: [0.49149999, -1.25260007, -0.199000001, 1.99999499],
      'w/Momentum': [-0.429999977, 0.0920000002, 1.5999999, 9.99999975e-5],
    },
    {
      w: [0.498239994, -1.19425607, -0.239800006, 1.99999714],
      'w/Momentum': [-0.336999953, -2.91720009, 2.03999996, -0.000110000001],
    },
  ],
  adam: [
    {
      w: [0.400000095, -1.15000153, -0.0689999759, 2.0],
      beta1_power: [0.809999943],
      beta2_power: [0.998001039],
      'w/Adam': [0.0300000086, -0.00200000033, 0.150000036, 0.0],
      'w/Adam_1': [8.99988445e-5, 3.99994832e-7, 0.00224997103, 0.0],
    },
    {
      w: [0.421009302, -1.18061829, -0.108166203, 1.96291053],
      beta1_power: [0.728999913],
      beta2_power: [0.997003078],
      'w/Adam': [-0.0430000126, 0.009200003, 0.160000041, 1.00000025e-5],
      'w/Adam_1': [0.000579902495, 1.24994394e-5, 0.00231022038, 9.99987072e-12],
    },
    {
      w: [0.426653892, -1.16820335, -0.12412291, 1.96918738],
      beta1_power: [0.656099916],
      beta2_power: [0.996006072],
      'w/Adam': [-0.0337000117, -0.291720062, 0.204000056, -1.10000028e-5],
      'w/Adam_1': [0.000581822591, 0.0090123713, 0.00266790553, 4.99893529e-11],
    },
  ],
  rmsprop: [
    {
      w: [0.478287071, -1.2485491, -0.0718991607, 2.0],
      'w/RMSProp': [0.908999979, 0.900039971, 1.125, 0.899999976],
      'w/RMSProp_1': [0.0217129253, -0.00145093724, 0.102899157, 0.0],
    },
    {
      w: [0.484359831, -1.25133002, -0.173306093, 1.9999963],
      'w/RMSProp': [0.8671, 0.811245918, 1.01874995, 0.809999943],
      'w/RMSProp_1': [-0.0060727708, 0.00278086797, 0.101406932, 3.71647047e-6],
    },
    {
      w: [0.489075929, -1.21683609, -0.273159385, 1.99999595],
      'w/RMSProp': [0.780640006, 1.63012147, 0.952874959, 0.728999913],
      'w/RMSProp_1': [-0.00471609645, -0.0344939493, 0.0998532921, 3.02800117e-7],
    },
  ],
};

describe.each(Object.keys(tensorFlow))('%s', (name) => {
  it('does what TensorFlow does, in slots and scalars of its names', () => {
    const optimizer = optimizers[name]!();
    expect(optimizer.name).toBe(name);
    const weights = Float32Array.from(start);
    const slots = optimizer.slots.map(({ initial }) => new Float32Array(start.length).fill(initial));
    const scalars = Float32Array.from(optimizer.scalars, ({ initial }) => initial);
    for (const [step, { rate, gradient }] of steps.entries()) {
      optimizer.update(weights, Float32Array.from(gradient), slots, rate, scalars);
      optimizer.advance?.(scalars);
      const actual: Record<string, ArrayLike<number>> = { w: weights };
      for (const [index, slot] of optimizer.slots.entries()) actual[`w/${slot.name}`] = slots[index]!;
      for (const [index, scalar] of optimizer.scalars.entries()) actual[scalar.name] = [scalars[index]!];
      const expected = tensorFlow[name]![step]!;
      expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
      for (const [variable, values] of Object.entries(expected)) {
        for (const [element, value] of values.entries()) {
          checkClose([actual[variable]![element]!], [value], 2e-6, `${variable}[${element}] after step ${step}`);
        }
      }
    }
  });
});
