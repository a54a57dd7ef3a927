import {
  CheckpointError,
  type CheckpointReader,
  type Graph,
  type NameMap,
  type NetworkMatch,
  pick,
} from '@graftjs/core';
import { chooseNames } from './choose-names.js';

/** Where a checkpoint has the variables of a graph. */
export interface FoundTensors {
  /** What has them. */
  readonly file: CheckpointReader;
  /** What it calls them; undefined where it has the graph's own names. */
  readonly map?: NameMap;
  /** Whose names those are; absent where they are the graph's own, or nobody's that is known. */
  readonly source?: string;
  /** Present where they were found by what the file's network does, and not by their names: where it parts from the graph, and what it does otherwise. */
  readonly network?: Pick<NetworkMatch, 'parting' | 'differences'>;
}

/** The layer that a tensor belongs to, by a source's name of it: `features.0` of `features.0.weight`. */
const layerOf = (tensor: string): string => tensor.replace(/[./][^./]*$/, '');

/** Whether a name has that of a layer in it, as exporters write them: `/layer1/layer1.0/conv1/Conv` has `layer1.0.conv1`. */
function names(name: string, layer: string): boolean {
  const parts = layer.split('.').map((part) => part.replace(/[^\w]/g, '\\$&'));
  return new RegExp(`(^|[./:])${parts.join('[./]')}(_\\d+)?([./:]|$)`).test(name);
}

/** How many variables the file's network calls as a source does. */
function countNamed({ tensors, layers }: NetworkMatch, map: NameMap): number {
  return Object.entries(tensors).filter(([variable, { name }]) => {
    const foreign = map.tensors[variable];
    return foreign && [name, layers[variable] ?? ''].some((found) => names(found, layerOf(foreign.name)));
  }).length;
}

/**
 * Whose network a file has, which is to say what it is fed: the source whose names the most of its layers have.
 * @throws CheckpointError `checkpoint/ambiguous-names` where two have as many, and are fed in different ways
 */
function sourceOf(match: NetworkMatch, graph: Graph, nameMaps: readonly NameMap[]): NameMap | undefined {
  const counts = nameMaps.map((map) => countNamed(match, map));
  const most = Math.max(0, ...counts);
  if (most === 0) return undefined;
  const [first, ...others] = nameMaps.filter((_, index) => counts[index] === most);
  const rival = others.find(({ input }) => JSON.stringify(input) !== JSON.stringify(first!.input));
  if (!rival || match.input) return first;
  throw new CheckpointError(
    'checkpoint/ambiguous-names',
    `The layers of the file's network have names of ${first!.source} as well as ${rival.source}, who feed their networks ` +
      `in different ways. Say whose they are: --names ${first!.source} or --names ${rival.source}.`,
    { details: { network: graph.name, sources: [first!.source, rival.source] } },
  );
}

/** How many variables of the graph have a tensor of their name. */
function countFound(file: CheckpointReader, { variables }: Graph, map: NameMap | undefined): number {
  return variables.filter(({ name }) => file.tensors.has(map ? (map.tensors[name]?.name ?? '') : name)).length;
}

/** @throws those of `chooseNames`, with where the file's network parts from the graph, if it has one */
function findByNames(
  file: CheckpointReader,
  graph: Graph,
  nameMaps: readonly NameMap[],
  wanted: string | undefined,
  parting: string | undefined,
): FoundTensors {
  try {
    const map = chooseNames(file.tensors, graph, nameMaps, wanted);
    return { file, ...(map && { map, source: map.source }) };
  } catch (error) {
    if (parting === undefined || !(error instanceof CheckpointError)) throw error;
    throw new CheckpointError(error.code, `${error.message} ${parting}`, { cause: error, details: error.details });
  }
}

/**
 * Finds the tensors that are a graph's variables: where a file has a network, by walking it and the graph in step, else, or
 * where that finds less, by their names.
 * @param nameMaps the backbone's
 * @param wanted the `source` of the map to take, see `chooseNames`; of a network it says how that is fed
 * @throws those of `chooseNames`; CheckpointError `checkpoint/unknown-preprocessing` of a file's network
 */
export function findTensors(
  file: CheckpointReader,
  graph: Graph,
  nameMaps: readonly NameMap[] = [],
  wanted?: string,
): FoundTensors {
  const match = file.match?.(graph);
  const matched = match ? Object.keys(match.tensors).length : 0;
  if (!match || matched === 0) return findByNames(file, graph, nameMaps, wanted, match?.parting);
  if (matched < graph.variables.length) {
    const named = findNamed(file, graph, nameMaps, wanted);
    if (named && countFound(file, graph, named.map) > matched) return named;
  }
  const known = Object.fromEntries(nameMaps.map((map) => [map.source, map]));
  const origin =
    wanted === undefined ? sourceOf(match, graph, nameMaps) : pick(`source of names for ${graph.name}`, wanted, known);
  const input = match.input ?? origin?.input;
  return {
    file: match.reader,
    map: { source: origin?.source ?? 'the file', tensors: match.tensors, ...(input && { input }) },
    ...(origin && { source: origin.source }),
    network: {
      ...(match.parting !== undefined && { parting: match.parting }),
      ...(match.differences !== undefined && { differences: match.differences }),
    },
  };
}

/** What names alone find; undefined where they say nothing clear. */
function findNamed(
  file: CheckpointReader,
  graph: Graph,
  nameMaps: readonly NameMap[],
  wanted: string | undefined,
): FoundTensors | undefined {
  try {
    return findByNames(file, graph, nameMaps, wanted, undefined);
  } catch (error) {
    if (error instanceof CheckpointError) return undefined;
    throw error;
  }
}
