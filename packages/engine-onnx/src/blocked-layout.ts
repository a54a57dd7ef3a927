import { elementCount } from '@graftjs/core';
import { OnnxGraph } from '@graftjs/onnx';
import { Block } from './block.js';
import type { Executor } from './executor.js';

/**
 * How many channels onnxruntime keeps side by side on this processor, 8 or 16, found by having it rearrange an image; 1 where
 * it has no such layout.
 */
export async function findBlockSize(executor: Executor): Promise<number> {
  const dims = [1, 32, 1, 2];
  const graph = new OnnxGraph('blocks');
  graph.input('x', 'float32', dims);
  graph.output(graph.blocked('ReorderInput', ['x']), 'y', 'float32', dims);
  const [x, y] = [new Float32Array(elementCount(dims)), new Float32Array(elementCount(dims))];
  // Channel c's first place has the value c.
  for (let channel = 0; channel < 32; channel++) x[2 * channel] = channel;
  const result = new Block(y);
  try {
    const model = await executor.load(graph.encode(), 'a test of layouts', {});
    await executor.run([
      { model, feeds: { x: { block: new Block(x), from: 0, dims } }, fetches: { y: { block: result, from: 0, dims } } },
    ]);
    await executor.release(model);
  } catch {
    return 1;
  }
  const fits = (size: number) =>
    result.array.every((value, at) => {
      const [group, rest] = [Math.floor(at / (2 * size)), at % (2 * size)];
      return value === (rest < size ? group * size + rest : 0);
    });
  return [8, 16].find(fits) ?? 1;
}
