import { elementCount, nodesFor } from '@graftjs/core';
import { createPauses, cut } from '@graftjs/core/engine-kit';
import { LiveTensors } from './live-tensors.js';
import { loweringOf } from './lowerings.js';
import { pieceSize } from './pieces.js';
import { inputTensor, type SessionParts, useContext } from './session-parts.js';
import { usesOf } from './step-plan.js';

/** The values of the named nodes, each `[count, ...shape]`. */
export async function predict(
  parts: SessionParts,
  inputs: Uint8Array | Float32Array,
  count: number,
  names: readonly string[],
): Promise<Map<string, Float32Array>> {
  const { graph, tf, budgets } = parts;
  const nodes = nodesFor(graph, names);
  const context = useContext(parts);
  const sizes = new Map(nodes.map(({ name, shape }) => [name, elementCount(shape)]));
  const results = new Map(names.map((name) => [name, new Float32Array(count * sizes.get(name)!)]));
  const uses = usesOf(nodes, [...results.keys()]);
  const pause = createPauses();
  const size = elementCount(graph.input.shape);
  for (const [from, to] of cut(count, pieceSize(nodes, budgets.prediction))) {
    const live = new LiveTensors(uses);
    try {
      live.set(graph.input.name, inputTensor(parts, inputs.subarray(from * size, to * size), to - from));
      for (const node of nodes) {
        const values = node.inputs.map((name) => live.get(name));
        live.set(
          node.name,
          tf.tidy(() => loweringOf(node).forward(context, node, values)),
        );
        for (const name of node.inputs) live.release(name);
        const result = results.get(node.name);
        if (result) {
          result.set((await live.get(node.name).data()) as Float32Array, from * sizes.get(node.name)!);
          live.release(node.name);
        }
        await pause();
      }
    } finally {
      live.dispose();
    }
  }
  return results;
}
