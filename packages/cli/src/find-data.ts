import { resolve } from 'node:path';
import { type Container, DATASET, DOWNLOAD, registry, UsageError } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { dataFolder } from './cache-folder.js';

/**
 * Where `graft download` puts a data set; undefined for one that cannot be downloaded.
 * @throws UsageError `usage/missing-option` where it is not there yet
 */
export async function findData(dataset: string, container: Container): Promise<string | undefined> {
  const name = registry(container, DATASET).get(dataset)?.download;
  const record = name === undefined ? undefined : registry(container, DOWNLOAD).get(name);
  if (!record) return undefined;
  // Loaded only where it is needed: it takes a tenth of a second.
  const { downloadPath } = await import('@graftjs/download');
  const folder = resolve(downloadPath(record, dataFolder()));
  if (await nodeFileSystem.stat(folder)) return folder;
  throw new UsageError(
    'usage/missing-option',
    `--data is missing, and ${folder} is not there. Name the folder that the data set is in, or fetch it: graft download ${name}`,
  );
}
