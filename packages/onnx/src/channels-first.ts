import type { GradientContext } from './lowering.js';

/** `[N, c, h, w]` as `[c, N, h, w]`, without a copy where there is one example. */
export function channelsFirst({ onnx, single }: GradientContext, value: string, channels: number): string {
  if (single) return onnx.add('Reshape', [value, onnx.ints([channels, 1, 0, 0])]);
  return onnx.add('Transpose', [value], { perm: [1, 0, 2, 3] });
}
