import type { CheckpointReader, TensorInfo } from './checkpoint.js';
import { type DType, dtypeBytes, elementCount } from './dtype.js';
import { destination } from './tensor-bytes.js';

/** Fills `into` with the float32 of as many elements, little-endian. */
type Widening = (bytes: Uint8Array, into: Float32Array) => void;

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array) => new DataView(buffer, byteOffset, byteLength);

/** Of IEEE 754's 16 bits: a sign, 5 of exponent, 10 of fraction. */
function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = (bits & 0x3ff) / 1024;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? 2 ** -14 * fraction : 2 ** (exponent - 15) * (1 + fraction));
}

let float16Values: Float32Array | undefined;

/**
 * Fills `into` with the float32 that as many little-endian float16 are.
 * @param bytes two for each element
 */
export function float16ToFloat32(bytes: Uint8Array, into: Float32Array): void {
  float16Values ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => float16Value(bits));
  const view = viewOf(bytes);
  for (let i = 0; i < into.length; i++) into[i] = float16Values[view.getUint16(2 * i, true)]!;
}

/** Types that are read as float32: the halves exactly, float64 rounded. */
const widenings = {
  float16: float16ToFloat32,
  bfloat16(bytes, into) {
    const view = viewOf(bytes);
    const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
    for (let i = 0; i < into.length; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  },
  float64(bytes, into) {
    const view = viewOf(bytes);
    for (let i = 0; i < into.length; i++) into[i] = view.getFloat64(8 * i, true);
  },
} satisfies Partial<Record<DType, Widening>>;

type Widened = keyof typeof widenings;

const isWidened = (dtype: DType | undefined): dtype is Widened =>
  dtype !== undefined && Object.hasOwn(widenings, dtype);

/** How many bytes of a file are held at a time. */
const pieceBytes = 1 << 22;

/** A reader that has other floating-point types as float32. */
export interface Float32Reader extends CheckpointReader {
  /** What the file has of a tensor that is another type there. */
  castFrom(name: string): DType | undefined;
}

/**
 * Has float16, bfloat16 and float64 read as float32. Values are widened piece by piece where the format gives parts; one that
 * is too large for float32 becomes infinite, which whoever restores it refuses.
 */
export function readingFloat32(file: CheckpointReader): Float32Reader {
  const tensors = new Map<string, TensorInfo>();
  for (const [name, info] of file.tensors)
    tensors.set(name, isWidened(info.dtype) ? { ...info, dtype: 'float32' } : info);
  const castFrom = (name: string): Widened | undefined => {
    const dtype = file.tensors.get(name)?.dtype;
    return isWidened(dtype) ? dtype : undefined;
  };

  /** Elements from `first` on, as many as `into` has room for. */
  async function widen(name: string, dtype: Widened, first: number, into: Float32Array): Promise<void> {
    const size = dtypeBytes[dtype];
    if (!file.readPart) {
      const bytes = await file.read(name);
      widenings[dtype](bytes.subarray(size * first, size * (first + into.length)), into);
      return;
    }
    const piece = new Uint8Array(Math.min(pieceBytes, size * into.length));
    const atOnce = pieceBytes / size;
    for (let done = 0; done < into.length; done += atOnce) {
      const part = into.subarray(done, done + atOnce);
      const bytes = piece.subarray(0, size * part.length);
      await file.readPart(name, size * (first + done), bytes);
      widenings[dtype](bytes, part);
    }
  }

  /** Has floats put into bytes, in place where they lie so that this is possible. */
  async function widenInto(name: string, dtype: Widened, first: number, bytes: Uint8Array): Promise<void> {
    const inPlace = bytes.byteOffset % 4 === 0;
    const floats = inPlace
      ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
      : new Float32Array(bytes.length / 4);
    await widen(name, dtype, first, floats);
    if (!inPlace) bytes.set(new Uint8Array(floats.buffer));
  }

  const { readPart } = file;
  return {
    tensors,
    castFrom,
    ...(file.metadata && { metadata: file.metadata }),
    async read(name, into) {
      const dtype = castFrom(name);
      if (dtype === undefined) return file.read(name, into);
      const bytes = destination(name, 4 * elementCount(tensors.get(name)!.shape), into);
      await widenInto(name, dtype, 0, bytes);
      return bytes;
    },
    ...(readPart && {
      async readPart(name: string, position: number, into: Uint8Array) {
        const dtype = castFrom(name);
        if (dtype === undefined) return readPart.call(file, name, position, into);
        return widenInto(name, dtype, position / 4, into);
      },
    }),
    readStrings: (name) => file.readStrings(name),
    close: () => file.close(),
  };
}
