import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { onnxExporter } from '@graftjs/ckpt-onnx';
import { nodeFileSystem as files } from '@graftjs/core/node';
import { initialValue } from '@graftjs/trainer';
import { buildNetwork } from './systems/network.js';

/** Exports a network with the weights that training from scratch starts with, once; gives the file. */
export async function exportNetwork(name: string, size: number, folder: string): Promise<string> {
  const path = join(folder, `${name}-${size}px.onnx`);
  if (existsSync(path)) return path;
  const graph = buildNetwork(name, { size });
  const variables = new Map(graph.variables.map((variable) => [variable.name, variable]));
  const read = async (variable: string, start: number, into: Float32Array) => {
    into.set(initialValue(variables.get(variable)!, 1).subarray(start, start + into.length));
  };
  const draft = `${path}.draft`;
  await onnxExporter.write(draft, { graph, read }, { precision: 'float32', description: name }, files);
  await rename(draft, path);
  return path;
}
