import { open } from 'node:fs/promises';
import { DataError, voidLabel } from '@graftjs/core';
import { decode } from 'fast-png';

/** What a PNG's header says (https://www.w3.org/TR/png-3/#11IHDR). */
export interface MaskHeader {
  readonly height: number;
  readonly width: number;
  /** Bits of a pixel: 1, 2, 4 or 8. */
  readonly depth: number;
}

const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
/** Of the signature and the chunk that comes first. */
const headerBytes = 33;
/** What a file may have beside its pixels; with it, no file inflates to more than a thousand times its pixels. */
const besidePixels = 65_536;
const kinds: Readonly<Record<number, string>> = { 0: 'grey', 2: 'RGB', 3: 'palette', 4: 'grey with alpha', 6: 'RGBA' };
const accepted =
  'A mask is a PNG of palette indices, or of grey values, of at most 8 bits, where a value is the index of a class and ' +
  `${voidLabel} is void`;

/** The last chunk, with its checksum. */
const endChunk = Buffer.from([...Buffer.from('IEND'), 0xae, 0x42, 0x60, 0x82]);

function refuse(path: string, what: string): never {
  throw new DataError('data/mask-form', `${path} ${what}. ${accepted}.`, { details: { path } });
}

function isDamaged(path: string, what: string, cause?: unknown): never {
  const options = { details: { path }, ...(cause !== undefined && { cause }) };
  throw new DataError('data/damaged-mask', `${path} cannot be decoded: ${what}.`, options);
}

/** Why bytes could not be decoded. Where they end too early, the decoder speaks of its own arrays. */
function reasonOf(bytes: Buffer, { message, cause }: Error): string {
  if (!bytes.includes(endChunk)) return 'it ends too early';
  return cause instanceof Error ? `${message} ${cause.message}` : message;
}

function parseHeader(path: string, bytes: Buffer): MaskHeader {
  if (bytes.length === 0) return isDamaged(path, 'it is empty');
  if (!bytes.subarray(0, 8).equals(signature)) return refuse(path, 'is no PNG');
  if (bytes.length < headerBytes || bytes.toString('latin1', 12, 16) !== 'IHDR') {
    return isDamaged(path, 'it ends in its header, or has none');
  }
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const [depth, kind, interlaced] = [bytes[24]!, bytes[25]!, bytes[28]! !== 0];
  const name = kinds[kind] ?? `of colour type ${kind}`;
  if ((kind !== 0 && kind !== 3) || depth > 8) return refuse(path, `is a PNG that is ${name}, ${depth} bits a channel`);
  // Of these the decoder would make something else.
  if (interlaced && depth < 8) return refuse(path, `is interlaced, of ${depth} bits; save it without interlacing`);
  if (width === 0 || height === 0) return isDamaged(path, `it is ${height} x ${width} pixels`);
  return { height, width, depth };
}

/**
 * Reads the header of a mask.
 * @throws DataError `data/mask-form` for what is no PNG of at most 8 bits a pixel in one channel, `data/damaged-mask`,
 * `data/unreadable`
 */
export async function readMaskHeader(path: string): Promise<MaskHeader> {
  const { bytes } = await readBytes(path, () => headerBytes);
  return parseHeader(path, bytes);
}

/** The first bytes of a file: as many as `wanted` says, of as many as there are. */
async function readBytes(path: string, wanted: (size: number) => number): Promise<{ bytes: Buffer; size: number }> {
  try {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(wanted(size), size)), { position: 0 });
      return { bytes: buffer.subarray(0, bytesRead), size };
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new DataError('data/unreadable', `${path} cannot be read: ${(cause as Error).message}.`, {
      cause,
      details: { path },
    });
  }
}

/** A byte for each pixel, of rows whose pixels share bytes, the leftmost in the highest bits. */
function unpackBits(packed: Uint8Array, { height, width, depth }: MaskHeader): Uint8Array {
  const rowBytes = Math.ceil((width * depth) / 8);
  const perByte = 8 / depth;
  const values = new Uint8Array(height * width);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const byte = packed[y * rowBytes + Math.floor(x / perByte)]!;
      values[at++] = (byte >> (8 - depth * ((x % perByte) + 1))) & (2 ** depth - 1);
    }
  }
  return values;
}

/** Refuses a label that is no class. */
function checkLabels(path: string, mask: Uint8Array, width: number, classes: number): void {
  for (let i = 0; i < mask.length; i++) {
    const label = mask[i]!;
    if (label < classes || label === voidLabel) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    throw new DataError(
      'data/label',
      `${path} has the label ${label} at column ${x}, row ${y}; accepted are 0 to ${classes - 1}, one for each class, and ` +
        `${voidLabel} for void. Mend the mask, or name all classes in classes.txt, one a line.`,
      { details: { path, label, x, y, classes } },
    );
  }
}

/**
 * Reads a mask: palette indices as they are, whatever their colours, or grey values.
 * @param size what it must have, in pixels
 * @param classes how many there are: a label that is not below must be 255
 * @returns `height * width` bytes
 * @throws DataError `data/mask-size`, `data/label`, and what `readMaskHeader` throws
 */
export async function readMask(
  path: string,
  size: { readonly height: number; readonly width: number },
  classes: number,
): Promise<Uint8Array> {
  const most = size.height * size.width + size.height + besidePixels;
  const { bytes, size: fileSize } = await readBytes(path, () => most);
  const header = parseHeader(path, bytes);
  checkSize(path, header, size);
  if (fileSize > most) return isDamaged(path, `${fileSize} bytes are more than its pixels can be`);
  let data: ReturnType<typeof decode>['data'];
  try {
    ({ data } = decode(bytes, { checkCrc: true }));
  } catch (cause) {
    return isDamaged(path, reasonOf(bytes, cause as Error), cause);
  }
  const mask = header.depth === 8 ? (data as Uint8Array) : unpackBits(data as Uint8Array, header);
  checkLabels(path, mask, header.width, classes);
  return mask;
}

/** Refuses (`data/mask-size`) a mask that is not as large as its image. */
export function checkSize(
  path: string,
  mask: { readonly height: number; readonly width: number },
  image: { readonly height: number; readonly width: number },
): void {
  if (mask.height === image.height && mask.width === image.width) return;
  const turned = mask.height === image.width && mask.width === image.height;
  throw new DataError(
    'data/mask-size',
    `The mask ${path} is ${mask.height} x ${mask.width} pixels, and its image ${image.height} x ${image.width}: both ` +
      `must be the same.${turned ? ' EXIF orientations of images are not applied: save the image upright.' : ''}`,
    { details: { path, mask: [mask.height, mask.width], image: [image.height, image.width] } },
  );
}
