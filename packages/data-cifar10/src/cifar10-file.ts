import { DataError, type Image, type ReadableFile } from '@graftjs/core';

/** Pixels along a side of an image. */
const side = 32;
const plane = side * side;
/** Bytes of a record: the label, then the red, the green and the blue plane, each row by row from the top left. */
export const recordBytes = 1 + 3 * plane;
const recordsAtOnce = 256;

/**
 * How many records a file of CIFAR-10's binary layout (https://www.cs.toronto.edu/~kriz/cifar.html) holds: 10,000 in the
 * original, any number but none in a subset of it. A file that is no whole number of records is a `DataError`.
 */
export function countRecords(file: ReadableFile): number {
  if (file.size > 0 && file.size % recordBytes === 0) return file.size / recordBytes;
  const whole = Math.floor(file.size / recordBytes);
  throw new DataError(
    'data/file-size',
    `${file.path} holds ${file.size} bytes: ` +
      (file.size === 0
        ? `it is empty, where records of ${recordBytes} bytes are expected. `
        : `${whole} records of ${recordBytes} bytes and ${file.size - whole * recordBytes} bytes of record ${whole}. `) +
      'It is damaged or was not downloaded whole: fetch it again.',
    { details: { path: file.path, size: file.size, recordBytes } },
  );
}

/** What is needed of a file that is read from. */
type Readable = Pick<ReadableFile, 'path' | 'read'>;

/** Reads bytes of a record; a file that cannot be read is a `DataError` that names it. */
async function readBytes(file: Readable, record: number, position: number, into: Uint8Array): Promise<void> {
  try {
    await file.read(position, into);
  } catch (cause) {
    throw new DataError(
      'data/unreadable',
      `${file.path} cannot be read at record ${record} (byte ${position}): ${(cause as Error).message}. ` +
        'Was it changed, or the data set closed, while it was in use?',
      { cause, details: { path: file.path, record } },
    );
  }
}

/**
 * Collects the labels of a file's records into `into`, which is as long as there are records. The file passes through a
 * buffer of less than a megabyte.
 * @param classes how many classes there are; a label that is not below is a `DataError` that names the record
 */
export async function readLabels(file: ReadableFile, classes: number, into: Int32Array): Promise<void> {
  const chunk = new Uint8Array(recordBytes * Math.min(recordsAtOnce, into.length));
  for (let first = 0; first < into.length; first += recordsAtOnce) {
    const records = Math.min(recordsAtOnce, into.length - first);
    await readBytes(file, first, first * recordBytes, chunk.subarray(0, records * recordBytes));
    for (let i = 0; i < records; i++) {
      const label = chunk[i * recordBytes]!;
      if (label >= classes) {
        const record = first + i;
        throw new DataError(
          'data/label',
          `Record ${record} of ${file.path} has the label ${label}; accepted are 0 to ${classes - 1}. The file is ` +
            "damaged, or not of CIFAR-10's binary version (CIFAR-100's records are one byte longer): fetch it again.",
          { details: { path: file.path, record, label } },
        );
      }
      into[first + i] = label;
    }
  }
}

/** Reads the image of one record: 32 x 32. */
export async function readImage(file: Readable, record: number): Promise<Image> {
  const planes = new Uint8Array(3 * plane);
  await readBytes(file, record, record * recordBytes + 1, planes);
  const data = new Uint8Array(3 * plane);
  for (let pixel = 0, at = 0; pixel < plane; pixel++) {
    data[at++] = planes[pixel]!;
    data[at++] = planes[plane + pixel]!;
    data[at++] = planes[2 * plane + pixel]!;
  }
  return { data, height: side, width: side };
}
