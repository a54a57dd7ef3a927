import { type FileSystem, RunError } from '@graftjs/core';

/** No file of a run that is read whole comes near to this. */
const mostBytes = 1 << 26;

/** A whole file as text. */
export async function readText(path: string, files: FileSystem): Promise<string> {
  const file = await files.open(path);
  try {
    if (file.size > mostBytes)
      throw new RunError('run/file-too-large', `${path} has ${file.size} bytes: it is no file of a run.`);
    const bytes = new Uint8Array(file.size);
    await file.read(0, bytes);
    return new TextDecoder().decode(bytes);
  } finally {
    await file.close();
  }
}
