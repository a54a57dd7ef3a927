import { Buffer } from 'node:buffer';
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';

type HeaderData = ConstructorParameters<typeof Header>[0];

/** One entry of a tar file: its header, and its content up to the next block. */
export function entry(path: string, content = '', more: Partial<Exclude<HeaderData, Buffer | undefined>> = {}): Buffer {
  const body = Buffer.from(content);
  const header = new Header({ path, type: 'File', mode: 0o644, size: body.length, mtime: new Date(0), ...more });
  header.encode();
  return Buffer.concat([header.block!, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

/** A tar file, with its end. */
export function tar(...entries: readonly Buffer[]): Buffer {
  return Buffer.concat([...entries, Buffer.alloc(1024)]);
}

export const tarGz = (...entries: readonly Buffer[]): Buffer => gzipSync(tar(...entries));
