import type { Graph, Shape } from '@graftjs/core';
import { GraphWriter, nodesFor } from './graph-writer.js';
import type { Layouts } from './layouts.js';

/** The nodes named, as an ONNX graph whose outputs have their names and are in TF-Slim's layout, `[N, ...shape]`. */
export function writeInferenceGraph(graph: Graph, layouts: Layouts, names: readonly string[]): Uint8Array {
  const writer = new GraphWriter(graph, layouts, { dropsOut: false, kept: names });
  writer.writeInput();
  for (const node of nodesFor(graph, names)) writer.writeNode(node);
  for (const name of names) {
    const shape: Shape = writer.shape(name);
    const value = writer.value(name);
    const nhwc = shape.length === 3 ? writer.onnx.add('Transpose', [value], { perm: [0, 2, 3, 1] }) : value;
    writer.onnx.output(nhwc, `${name}:out`, 'float32', ['N', ...shape]);
  }
  return writer.onnx.encode();
}
