import type { AddNode, ConcatNode, CropNode, PadNode, SliceNode } from '@graftjs/core';
import type { Lowering } from './lowering.js';

export const lowerAdd: Lowering<AddNode> = {
  forward({ onnx, value, blockedValue, isBlocked }, { inputs }) {
    const sum = (values: readonly string[]) => values.reduce((some, one) => onnx.add('Add', [some, one]));
    return inputs.every(isBlocked) ? { blocked: sum(inputs.map(blockedValue)) } : sum(inputs.map(value));
  },
  backward: (_, { inputs }, dy) => inputs.map(() => dy),
};

export const lowerConcat: Lowering<ConcatNode> = {
  forward({ onnx, value, blockedValue, isBlocked }, { inputs }) {
    const joined = (values: readonly string[]) => onnx.add('Concat', values, { axis: 1 });
    // Blocked values fill their blocks, so that these side by side are the blocks of the whole.
    return inputs.every(isBlocked) ? { blocked: joined(inputs.map(blockedValue)) } : joined(inputs.map(value));
  },
  backward({ onnx, shape }, { inputs }, dy) {
    const sizes = inputs.map((name) => shape(name).at(-1)!);
    return onnx.addMany('Split', [dy, onnx.ints(sizes)], inputs.length, { axis: 1 });
  },
};

export const lowerSlice: Lowering<SliceNode> = {
  forward({ onnx, value }, { inputs, start, size }) {
    return onnx.add('Slice', [value(inputs[0]!), onnx.ints([start]), onnx.ints([start + size]), onnx.ints([1])]);
  },
  backward({ onnx, shape, wantsInput }, { inputs, start, size }, dy) {
    if (!wantsInput) return [undefined];
    const from = shape(inputs[0]!);
    const places = from.length === 3 ? [0, 0] : [];
    const rest = from.at(-1)! - start - size;
    return [onnx.add('Pad', [dy, onnx.ints([0, start, ...places, 0, rest, ...places])])];
  },
};

/** Zeros side by side with images: onnxruntime 1.30 lets a MaxPool take over an ONNX Pad, and forget that zeros count. */
export const lowerPad: Lowering<PadNode> = {
  forward({ onnx, value, shape }, { inputs, padding: [top, bottom, left, right] }) {
    const x = value(inputs[0]!);
    const [height, width, channels] = shape(inputs[0]!) as readonly [number, number, number];
    const examples = onnx.add('Shape', [x], { start: 0, end: 1 });
    const zeros = (rows: number, columns: number) => {
      if (rows * columns === 0) return [];
      const dims = onnx.add('Concat', [examples, onnx.ints([channels, rows, columns])], { axis: 0 });
      return [onnx.add('Expand', [onnx.floats([0], []), dims])];
    };
    const joined = (values: readonly string[], axis: number) =>
      values.length === 1 ? values[0]! : onnx.add('Concat', values, { axis });
    const tall = joined([...zeros(top, width), x, ...zeros(bottom, width)], 2);
    const rows = top + height + bottom;
    return joined([...zeros(rows, left), tall, ...zeros(rows, right)], 3);
  },
  backward({ onnx, shape, wantsInput }, { inputs, padding: [top, , left] }, dy) {
    if (!wantsInput) return [undefined];
    const [height, width] = shape(inputs[0]!) as readonly [number, number, number];
    return [
      onnx.add('Slice', [dy, onnx.ints([top, left]), onnx.ints([top + height, left + width]), onnx.ints([2, 3])]),
    ];
  },
};

export const lowerCrop: Lowering<CropNode> = {
  forward({ onnx, value }, { inputs, margins: [top, , left], shape: [height, width] }) {
    const [from, to] = [onnx.ints([top, left]), onnx.ints([top + height!, left + width!])];
    return onnx.add('Slice', [value(inputs[0]!), from, to, onnx.ints([2, 3])]);
  },
  backward({ onnx, wantsInput }, { margins: [top, bottom, left, right] }, dy) {
    return [wantsInput ? onnx.add('Pad', [dy, onnx.ints([0, 0, top, left, 0, 0, bottom, right])]) : undefined];
  },
};
