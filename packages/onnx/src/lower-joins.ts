import type { AddNode, ConcatNode } from '@graftjs/core';
import type { Lowering } from './lowering.js';

export const lowerAdd: Lowering<AddNode> = {
  forward({ onnx, value, blockedValue, isBlocked }, { inputs }) {
    const sum = (values: readonly string[]) => values.reduce((some, one) => onnx.add('Add', [some, one]));
    return inputs.every(isBlocked) ? { blocked: sum(inputs.map(blockedValue)) } : sum(inputs.map(value));
  },
  backward: (_, { inputs }, dy) => inputs.map(() => dy),
};

export const lowerConcat: Lowering<ConcatNode> = {
  forward: ({ onnx, value }, { inputs }) => onnx.add('Concat', inputs.map(value), { axis: 1 }),
  backward({ onnx, shape }, { inputs }, dy) {
    const sizes = inputs.map((name) => shape(name).at(-1)!);
    return onnx.addMany('Split', [dy, onnx.ints(sizes)], inputs.length, { axis: 1 });
  },
};
