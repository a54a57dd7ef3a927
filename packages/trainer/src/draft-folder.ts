import { ExportError, type FileSystem, GraftError } from '@graftjs/core';

/** Does what writes files; what the file system refuses is an `ExportError`. */
export async function writingTo<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (GraftError.isInstance(cause)) throw cause;
    throw new ExportError(
      'export/cannot-write',
      `${path} cannot be written: ${(cause as Error).message}. What was there is as it was. Make room, or choose another place.`,
      { cause, details: { path } },
    );
  }
}

/** Does some work with a new folder beside `path`, on the same disk; it is gone afterwards, with all that is in it. */
export async function withDraftFolder<T>(
  path: string,
  files: FileSystem,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  await writingTo(path, () => files.makeFolder(folder));
  try {
    return await work(folder);
  } finally {
    for (const name of await files.list(folder)) await files.remove(`${folder}/${name}`);
    await files.remove(folder);
  }
}
