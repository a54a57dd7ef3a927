import { resolve } from 'node:path';
import { CHECKPOINT_FORMAT, type Container, DOWNLOAD, registry, UsageError } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { dataFolder } from './cache-folder.js';

/** A checkpoint that a user named. */
export interface NamedCheckpoint {
  /** As it was given, or the absolute one of what was downloaded. */
  readonly path: string;
  /** The record of the published checkpoint, where it was named by that. */
  readonly pretrained?: string;
}

/**
 * Where the checkpoint is that a user names: a path, or the name of a published one that `graft download` has fetched. A
 * checkpoint at the path goes before a name.
 * @throws UsageError `usage/not-downloaded` where a published one is not there yet
 */
export async function findCheckpoint(given: string, container: Container): Promise<NamedCheckpoint> {
  const record = registry(container, DOWNLOAD).get(given);
  if (!record?.pretrained) return { path: given };
  for (const format of registry(container, CHECKPOINT_FORMAT).values()) {
    if (await format.recognises(given, nodeFileSystem)) return { path: given };
  }
  // Loaded only where it is needed: it takes a tenth of a second.
  const { downloadPath } = await import('@graftjs/download');
  const downloaded = resolve(downloadPath(record, dataFolder()));
  if (await nodeFileSystem.stat(downloaded)) return { path: downloaded, pretrained: given };
  throw new UsageError(
    'usage/not-downloaded',
    `${given} is a published checkpoint, and ${downloaded} is not there. Fetch it: graft download ${given}; or name the file ` +
      'that it is in.',
    { details: { name: given, path: downloaded } },
  );
}
