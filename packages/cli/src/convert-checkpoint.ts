import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  BACKBONE,
  type BackboneOptions,
  CHECKPOINT_FORMAT,
  type CheckpointFormat,
  type CheckpointReader,
  type Container,
  type DType,
  type FileSystem,
  planRestore,
  resolve,
  type TensorSource,
  UsageError,
} from '@graftjs/core';
import { findFormat, type TensorChange, translateNames } from '@graftjs/trainer';

/** The network that a checkpoint is to be of. */
export interface ConversionModel extends BackboneOptions {
  readonly name: string;
  /** Scopes of variables that the result is not to have. */
  readonly exclude?: readonly string[];
  /** Lets the result lack what the checkpoint lacks. Default false. */
  readonly ignoreMissing?: boolean;
  /** Whose names the checkpoint has, where several would do. */
  readonly names?: string;
}

/** What a conversion did. */
export interface Conversion {
  /** Names of the formats. */
  readonly from: string;
  readonly to: string;
  /** The variables that were written. Without a model each is as it was, but for `casts`: name, shape, type and every byte. */
  readonly tensors: readonly string[];
  /** With a model: whose names the checkpoint had, where they were not the network's own. */
  readonly source?: string;
  /** With a model: true where variables were found by what the checkpoint's own network does, and not by their names. */
  readonly network?: true;
  /** With a model: what that network does otherwise, as sentences for people; absent where nothing is known of any. */
  readonly differences?: string;
  /** With a model: where each variable comes from. */
  readonly changes?: readonly TensorChange[];
  /** With a model: the tensors that were left out. */
  readonly dropped?: readonly string[];
  /** Variables of types that the target's format lacks, which it has as others: their values are the same. */
  readonly casts?: readonly { readonly name: string; readonly from: DType; readonly to: DType }[];
  /** Names of the metadata that the target's format has no room for, where there are some. */
  readonly droppedMetadata?: readonly string[];
}

/** Whether two paths are one file, whatever links lead to it. */
async function isSameFile(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((path) => stat(path, { bigint: true }).catch(() => undefined)));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

/** Refuses a target whose files are the source's, which would be read while they are replaced. */
async function checkTarget(
  source: { readonly path: string; readonly format: CheckpointFormat },
  target: { readonly path: string; readonly format: CheckpointFormat },
  files: FileSystem,
): Promise<void> {
  const existing = (await target.format.recognises(target.path, files))
    ? await target.format.filesOf(target.path, files)
    : [];
  for (const from of await source.format.filesOf(source.path, files)) {
    for (const to of [target.path, ...existing]) {
      if (!(await isSameFile(from, to))) continue;
      throw new UsageError(
        'usage/same-checkpoint',
        `${target.path} would overwrite ${from}, which belongs to the checkpoint that is converted. Give another path.`,
        { details: { from: source.path, to: target.path } },
      );
    }
  }
}

/** What is written: all of the file, or what a network takes of it. */
function planConversion(
  reader: CheckpointReader,
  container: Container,
  model: ConversionModel | undefined,
): { readonly reader: CheckpointReader } & Omit<Conversion, 'from' | 'to' | 'droppedMetadata'> {
  if (!model) return { reader, tensors: [...reader.tensors.keys()] };
  const { name, exclude = [], ignoreMissing = false, names, ...options } = model;
  const backbone = resolve(container, BACKBONE, name);
  const graph = backbone.build(options);
  const translation = translateNames(reader, graph, backbone.nameMaps, names);
  const { nameOf, network } = translation;
  const selection = { exclude, ignoreMissing };
  const rows = planRestore(graph.variables, translation.reader.tensors, selection, nameOf, network?.parting);
  const written = new Set(rows.filter(({ status }) => status === 'restored').map((row) => row.name));
  const excluded = translation.changes.filter(({ variable }) => !written.has(variable)).map(({ tensor }) => tensor);
  return {
    reader: translation.reader,
    tensors: [...written],
    ...(translation.source !== undefined && { source: translation.source }),
    ...(network && { network: true as const }),
    ...(network?.differences !== undefined && { differences: network.differences }),
    changes: translation.changes.filter(({ variable }) => written.has(variable)),
    dropped: [...translation.dropped, ...excluded].sort(),
  };
}

/**
 * Writes a checkpoint again in another format, one variable at a time.
 * @param from as its format takes it: a file, a prefix, or the folder that it is in
 * @param to the path or prefix to write; its folder is made
 * @param options.format the target's format by name. Default `slim-v2`
 * @param options.model the network whose variables, by its names and in its arrangement, are written, and nothing else;
 * without it everything is written as it is
 * @throws UsageError `usage/same-checkpoint` where the target is the source, `usage/read-only-format`
 * @throws CheckpointError those of the two formats: a type that the target cannot hold, a damaged source; with a model
 * those of `translateNames` and `planRestore`
 */
export async function convertCheckpoint(
  from: string,
  to: string,
  container: Container,
  files: FileSystem,
  { format = 'slim-v2', model }: { readonly format?: string; readonly model?: ConversionModel } = {},
): Promise<Conversion> {
  const target = resolve(container, CHECKPOINT_FORMAT, format);
  if (!target.write) {
    throw new UsageError('usage/read-only-format', `The format ${target.name} can be read and not written.`);
  }
  const source = await findFormat(from, container, files);
  await checkTarget({ path: from, format: source }, { path: to, format: target }, files);
  const opened = await source.open(from, files);
  try {
    const { reader, ...plan } = planConversion(opened, container, model);
    const tensors = plan.tensors.map((name): TensorSource => {
      const { dtype, shape } = reader.tensors.get(name)!;
      return { name, dtype, shape, read: () => (dtype === 'string' ? reader.readStrings(name) : reader.read(name)) };
    });
    const casts = tensors.flatMap(({ name, dtype }) => {
      const kept = target.keptAs?.[dtype];
      return kept ? [{ name, from: dtype, to: kept }] : [];
    });
    const { metadata } = opened;
    await files.makeFolder(dirname(to));
    await target.write(to, tensors, files, metadata && { metadata });
    const dropsMetadata = metadata && metadata.size > 0 && !target.keepsMetadata;
    return {
      from: source.name,
      to: target.name,
      ...plan,
      ...(casts.length > 0 && { casts }),
      ...(dropsMetadata && { droppedMetadata: [...metadata.keys()] }),
    };
  } finally {
    await opened.close();
  }
}
