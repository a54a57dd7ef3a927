import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  CHECKPOINT_FORMAT,
  type CheckpointFormat,
  type Container,
  type FileSystem,
  resolve,
  type TensorSource,
  UsageError,
} from '@graftjs/core';
import { findFormat } from '@graftjs/trainer';

/** What a conversion did. */
export interface Conversion {
  /** Names of the formats. */
  readonly from: string;
  readonly to: string;
  /** The variables that were written, each under its own name, with its shape, its type and every byte. */
  readonly tensors: readonly string[];
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

/**
 * Writes a checkpoint again in another format, one variable at a time.
 * @param from as its format takes it: a file, a prefix, or the folder that it is in
 * @param to the path or prefix to write; its folder is made
 * @param options.format the target's format by name. Default `slim-v2`
 * @throws UsageError `usage/same-checkpoint` where the target is the source, `usage/read-only-format`
 * @throws CheckpointError those of the two formats: a type that the target cannot hold, a damaged source
 */
export async function convertCheckpoint(
  from: string,
  to: string,
  container: Container,
  files: FileSystem,
  { format = 'slim-v2' }: { readonly format?: string } = {},
): Promise<Conversion> {
  const target = resolve(container, CHECKPOINT_FORMAT, format);
  if (!target.write) {
    throw new UsageError('usage/read-only-format', `The format ${target.name} can be read and not written.`);
  }
  const source = await findFormat(from, container, files);
  await checkTarget({ path: from, format: source }, { path: to, format: target }, files);
  const reader = await source.open(from, files);
  try {
    const tensors = [...reader.tensors.values()].map(
      ({ name, dtype, shape }): TensorSource => ({
        name,
        dtype,
        shape,
        read: () => (dtype === 'string' ? reader.readStrings(name) : reader.read(name)),
      }),
    );
    await files.makeFolder(dirname(to));
    await target.write(to, tensors, files);
    return { from: source.name, to: target.name, tensors: tensors.map(({ name }) => name) };
  } finally {
    await reader.close();
  }
}
