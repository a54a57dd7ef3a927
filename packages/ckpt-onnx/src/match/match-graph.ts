import type { CheckpointReader, Graph, NetworkMatch, Shape } from '@graftjs/core';
import type { OnnxFile } from '../onnx-file.js';
import { assignVariables, fitsLayer } from './assign-variables.js';
import { DerivingReader } from './derived-tensors.js';
import { describeDifferences } from './differences.js';
import { inputOf } from './file-input.js';
import { type FileStep, networkOfFile } from './file-network.js';
import { networkOfGraph } from './graph-network.js';
import { matchNetworks } from './match-networks.js';
import type { Step } from './network.js';

/** How many steps are shown of many. */
const shown = 3;

/** A step for people. */
function describe({ kind, name, kernel }: Step<unknown>): string {
  const size = kernel ? ` ${kernel.size ? kernel.size.join('x') : 'dense'} of ${kernel.channels} channels` : '';
  const groups = kernel && kernel.groups > 1 ? ` in ${kernel.groups} groups` : '';
  const apart = kernel?.reach.some((reach) => reach > 0)
    ? `, reading places ${kernel.reach.join('x')} pixels apart`
    : '';
  return `${name} (${kind}${size}${groups}${apart})`;
}

/** Where two networks part. */
function describeParting(parted: Step<unknown>, counterparts: readonly (FileStep | undefined)[]): string {
  const [before] = counterparts;
  const there = before?.readers.slice(0, shown).map(describe).join(', ') || 'nothing';
  return `The networks part after '${before?.name}' of the file: there it has ${there}, and here comes ${describe(parted)}.`;
}

/** `CheckpointReader.match` of an ONNX file. */
export function matchGraph(file: OnnxFile, reader: CheckpointReader, graph: Graph): NetworkMatch {
  const shapes = new Map<string, Shape>(graph.variables.map(({ name, shape }) => [name, shape]));
  const steps = networkOfGraph(graph);
  const { pairs, partings } = matchNetworks(steps, networkOfFile(file), (one, other) => fitsLayer(one, other, shapes));
  const { tensors, layers, derived } = assignVariables(pairs, shapes);
  const kept = new Set(Object.values(tensors).map(({ name }) => name));
  const [parted] = partings.filter((step) => step.layer ?? step.readers.length > 0);
  const ownInput = pairs.get(steps[0]!);
  const differences = describeDifferences(graph, pairs);
  const input = ownInput && inputOf(file, ownInput, ownInput.readers[0]);
  return {
    reader: derived.length > 0 ? new DerivingReader(reader, derived, kept) : reader,
    tensors,
    layers,
    ...(input && { input }),
    ...(differences !== undefined && { differences }),
    ...(parted && {
      parting: describeParting(
        parted,
        parted.inputs.map((read) => pairs.get(read)),
      ),
    }),
  };
}
