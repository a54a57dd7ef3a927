import {
  BACKBONE,
  type CheckpointReader,
  type Container,
  type FileSystem,
  type Graph,
  inScopes,
  type NameMap,
  type Normalization,
  planRestore,
  type RestoreRow,
  resolve,
  sameShape,
  withNormalization,
} from '@graftjs/core';
import { renamingScopes } from './renaming-scopes.js';
import { openCheckpoint } from './restore.js';
import type { RunConfig } from './run-config.js';
import { backboneOf } from './run-model.js';
import { sourceNormalization, type Translation, translateNames } from './translate-names.js';

/** A checkpoint of any format and by anyone's names, and what a network takes of it. */
export interface StartingWeights {
  /** By the graph's names. Closing it closes the file. */
  readonly reader: CheckpointReader;
  readonly rows: readonly RestoreRow[];
  readonly translation: Translation;
  /** What images are normalized by, where the weights want it otherwise than the graph has it. */
  readonly normalization?: Normalization;
}

/** A backbone's names where a user says what images are normalized by: that holds whoever's names the checkpoint has. */
function nameMapsOf(model: RunConfig['model'], container: Container): readonly NameMap[] {
  const { normalization } = model;
  const { nameMaps = [] } = resolve(container, BACKBONE, backboneOf(model));
  if (!normalization) return nameMaps;
  return nameMaps.map((map) => (map.input ? { ...map, input: { ...map.input, ...normalization } } : map));
}

/**
 * Parts of a segmenter's head that start anew without being excluded: its own layers that a checkpoint has nothing of, as one of a
 * classifier, and the backbone's that were asked for in another width.
 */
function newScopes({ name: own, headScopes, variables }: Graph, { tensors }: CheckpointReader): string[] {
  return headScopes.filter((scope) =>
    variables
      .filter(({ name }) => inScopes(name, [scope]))
      .every(({ name, shape }) => {
        const found = tensors.get(name);
        return !found || (!scope.startsWith(`${own}/`) && !sameShape(found.shape, shape));
      }),
  );
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
  const { path, names, scopes, ...selection } = checkpoint;
  const opened = await openCheckpoint(path, container, files);
  const file = scopes ? renamingScopes(opened, scopes) : opened;
  try {
    const nameMaps = nameMapsOf(model, container);
    const normalization = sourceNormalization(file, graph, nameMaps, names);
    const normalized = normalization ? withNormalization(graph, normalization) : graph;
    const translation = translateNames(file, normalized, nameMaps, names);
    const { reader, nameOf, network } = translation;
    const exclude = [...selection.exclude, ...(model.backbone === undefined ? [] : newScopes(graph, reader))];
    const rows = planRestore(graph.variables, reader.tensors, { ...selection, exclude }, nameOf, network?.parting);
    return { reader, rows, translation, ...(normalization && { normalization }) };
  } catch (error) {
    await file.close();
    throw error;
  }
}
