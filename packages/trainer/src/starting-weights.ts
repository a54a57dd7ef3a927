import {
  BACKBONE,
  type CheckpointReader,
  type Container,
  type FileSystem,
  type Graph,
  type NameMap,
  type Normalization,
  planRestore,
  type RestoreRow,
  resolve,
  withNormalization,
} from '@graftjs/core';
import { openCheckpoint } from './restore.js';
import type { RunConfig } from './run-config.js';
import { sourceNormalization, type Translation, translateNames } from './translate-names.js';

/** A checkpoint of any format and by anyone's names, and what a network takes of it. */
export interface StartingWeights {
  /** By the graph's names. Closing it closes the file. */
  readonly reader: CheckpointReader;
  readonly rows: readonly RestoreRow[];
  readonly translation: Translation;
  /** What pictures are normalized by, where the weights want it otherwise than the graph has it. */
  readonly normalization?: Normalization;
}

/** A backbone's names where a user says what pictures are normalized by: that holds whoever's names the checkpoint has. */
function nameMapsOf({ name, normalization }: RunConfig['model'], container: Container): readonly NameMap[] {
  const { nameMaps = [] } = resolve(container, BACKBONE, name);
  if (!normalization) return nameMaps;
  return nameMaps.map((map) => (map.input ? { ...map, input: { ...map.input, ...normalization } } : map));
}

/**
 * Opens the checkpoint of a config, and plans what is taken of it.
 * @throws CheckpointError, UsageError as `openCheckpoint`, `translateNames` and `planRestore`
 */
export async function openStartingWeights(
  { model, checkpoint }: { model: RunConfig['model']; checkpoint: NonNullable<RunConfig['checkpoint']> },
  graph: Graph,
  container: Container,
  files: FileSystem,
): Promise<StartingWeights> {
  const { path, names, ...selection } = checkpoint;
  const file = await openCheckpoint(path, container, files);
  try {
    const nameMaps = nameMapsOf(model, container);
    const normalization = sourceNormalization(file, graph, nameMaps, names);
    const normalized = normalization ? withNormalization(graph, normalization) : graph;
    const translation = translateNames(file, normalized, nameMaps, names);
    const { reader, nameOf, network } = translation;
    const rows = planRestore(graph.variables, reader.tensors, selection, nameOf, network?.parting);
    return { reader, rows, translation, ...(normalization && { normalization }) };
  } catch (error) {
    await file.close();
    throw error;
  }
}
