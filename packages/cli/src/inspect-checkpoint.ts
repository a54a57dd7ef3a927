import { createHash } from 'node:crypto';
import { CHECKPOINT_FORMAT, type Container, type FileSystem, RunError, resolve, type TensorInfo } from '@graftjs/core';
import { findFormat, RunFolder, Saver } from '@graftjs/trainer';

/** What a checkpoint says of one variable. */
export interface InspectedTensor extends TensorInfo {
  /** SHA-256 in hexadecimal of the little-endian, row-major bytes; strings have none. */
  readonly sha256?: string;
}

/** A checkpoint's variables. */
export interface Inspection {
  /** The checkpoint's own path: that which was given, or of a run its newest. */
  readonly path: string;
  /** The name of its format. */
  readonly format: string;
  /** Sorted by name. */
  readonly tensors: readonly InspectedTensor[];
  /** What the file says of itself, where its format has room for that. */
  readonly metadata?: ReadonlyMap<string, string>;
}

/** The path itself, or where it is a run's folder that of its newest checkpoint. */
async function checkpointAt(path: string, container: Container, files: FileSystem): Promise<string> {
  if (!(await files.stat(`${path}/config.json`))) return path;
  const run = await RunFolder.open(path, files);
  const format = resolve(container, CHECKPOINT_FORMAT, run.record.checkpointFormat);
  const saver = new Saver({ folder: run.checkpoints, format, files });
  const newest = (await saver.steps()).at(-1);
  if (newest !== undefined) return saver.pathOf(newest);
  throw new RunError('run/no-checkpoint', `${run.path} has no checkpoint yet.`, { details: { run: run.path } });
}

/**
 * Lists the variables of a checkpoint of any registered format; with `hash`, reads each (one at a time) and hashes it.
 * @param path a checkpoint as its format takes it (a file, a prefix, the folder that it is in), or the folder of a run
 * @throws CheckpointError `checkpoint/not-recognised`; those of the format; RunError `run/no-checkpoint`, `run/config`
 */
export async function inspectCheckpoint(
  path: string,
  container: Container,
  files: FileSystem,
  { hash = false }: { readonly hash?: boolean } = {},
): Promise<Inspection> {
  const found = await checkpointAt(path, container, files);
  const format = await findFormat(found, container, files);
  const reader = await format.open(found, files);
  try {
    const tensors: InspectedTensor[] = [];
    for (const { name, dtype, shape } of reader.tensors.values()) {
      const info = { name, dtype, shape };
      const hashed = hash && dtype !== 'string';
      tensors.push(
        hashed
          ? {
              ...info,
              sha256: createHash('sha256')
                .update(await reader.read(name))
                .digest('hex'),
            }
          : info,
      );
    }
    return { path: found, format: format.name, tensors, ...(reader.metadata && { metadata: reader.metadata }) };
  } finally {
    await reader.close();
  }
}
