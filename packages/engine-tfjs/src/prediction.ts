import { elementCount, type Node, nodesFor } from '@graftjs/core';
import { createPauses, cut } from '@graftjs/core/engine-kit';
import { LiveTensors } from './live-tensors.js';
import type { Lowering } from './lowering.js';
import { lowerings } from './lowerings.js';
import { inputTensor, type SessionParts, useContext } from './session-parts.js';

export const loweringOf = (node: Node): Lowering<Node> => lowerings[node.op] as Lowering<Node>;

/** Adds to how often something is used. */
export function countUse(uses: Map<string, number>, name: string): void {
  uses.set(name, (uses.get(name) ?? 0) + 1);
}

/** How many examples run at once, so that the largest value stays within `budget` bytes; at least 1. */
export function pieceSize(nodes: readonly Node[], budget: number): number {
  const largest = nodes.reduce((most, { shape }) => Math.max(most, 4 * elementCount(shape)), 1);
  return Math.max(1, Math.floor(budget / largest));
}

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
  const uses = new Map<string, number>();
  for (const name of [...nodes.flatMap((node) => node.inputs), ...results.keys()]) countUse(uses, name);
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
