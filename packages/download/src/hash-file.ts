import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/**
 * The hash of a file, in hexadecimal.
 * @param onRead called with the number of bytes read so far
 */
export async function hashFile(
  path: string,
  algorithm: 'sha256' | 'md5',
  options: { readonly signal?: AbortSignal; readonly onRead?: (done: number) => void } = {},
): Promise<string> {
  const { signal, onRead } = options;
  const hash = createHash(algorithm);
  let done = 0;
  const chunks = createReadStream(path, { highWaterMark: 2 ** 20, ...(signal && { signal }) });
  for await (const chunk of chunks as AsyncIterable<Buffer>) {
    hash.update(chunk);
    done += chunk.length;
    onRead?.(done);
  }
  return hash.digest('hex');
}
