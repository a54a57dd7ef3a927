import { dtypeBytes, elementCount } from '@graftjs/core';
import protobuf from 'protobufjs/light.js';
import {
  elementType,
  graphMessage,
  irVersion,
  type OnnxModel,
  type OnnxTensor,
  onnxMessages,
  operatorSet,
} from './onnx-proto.js';

/** A model to be written as a file of its own, of ONNX's standard operators alone. */
export interface OnnxFile {
  readonly model: OnnxModel;
  /** Its weights, as initializers. */
  readonly tensors: readonly OnnxTensor[];
  /** For people. */
  readonly description: string;
}

/**
 * Where tensors begin in a file of external data: at multiples of a page, so that they can be mapped into memory. Smaller ones
 * stay inside.
 */
const alignment = 4096;

/** Numbers of fields that are written by hand, since protobufjs would have all of a message in memory. */
const field = { graph: 7, initializer: 5, rawData: 9 };

const encode = (type: string, message: Record<string, unknown>): Uint8Array => {
  const found = onnxMessages.lookupType(type);
  return found.encode(found.create(message)).finish();
};

/** What comes before a field of so many bytes. */
const fieldStart = (number: number, bytes: number): Uint8Array =>
  protobuf.Writer.create()
    .uint32((number << 3) | 2)
    .uint32(bytes)
    .finish();

const byteLength = ({ type, dims }: OnnxTensor): number => dtypeBytes[type] * elementCount(dims);

/** Bytes as they are, or the values of a tensor. */
type Part = Uint8Array | OnnxTensor;

const sizeOf = (parts: readonly Part[]): number =>
  parts.reduce((sum, part) => sum + (part instanceof Uint8Array ? part.length : byteLength(part)), 0);

const entries = (map: Iterable<readonly [string, string]>) => [...map].map(([key, value]) => ({ key, value }));

/** Where each tensor begins in a file of external data. */
function outside(tensors: readonly OnnxTensor[]): Map<OnnxTensor, number> {
  const offsets = new Map<OnnxTensor, number>();
  let end = 0;
  for (const tensor of tensors) {
    if (byteLength(tensor) < alignment) continue;
    const offset = Math.ceil(end / alignment) * alignment;
    offsets.set(tensor, offset);
    end = offset + byteLength(tensor);
  }
  return offsets;
}

/** A TensorProto with its values inside. */
function tensorInside(tensor: OnnxTensor): Part[] {
  const { name, type, dims } = tensor;
  const head = encode('TensorProto', { dims: [...dims], dataType: elementType[type], name });
  return [head, fieldStart(field.rawData, byteLength(tensor)), tensor];
}

/** A TensorProto whose values are in another file, from `offset` on. */
function tensorOutside(tensor: OnnxTensor, file: string, offset: number): Part[] {
  const { name, type, dims } = tensor;
  const place = { location: file, offset: `${offset}`, length: `${byteLength(tensor)}` };
  const externalData = entries(Object.entries(place));
  return [encode('TensorProto', { dims: [...dims], dataType: elementType[type], name, externalData, dataLocation: 1 })];
}

/** A file in the order that it is written in. */
function partsOf(file: OnnxFile, externalFile?: string): Part[] {
  const { model, tensors, description } = file;
  const offsets = externalFile === undefined ? undefined : outside(tensors);
  const graph: Part[] = [encode('GraphProto', graphMessage(model))];
  for (const tensor of tensors) {
    const offset = offsets?.get(tensor);
    const parts = offset === undefined ? tensorInside(tensor) : tensorOutside(tensor, externalFile!, offset);
    graph.push(fieldStart(field.initializer, sizeOf(parts)), ...parts);
  }
  const head = { irVersion, producerName: 'graft', docString: description };
  return [
    encode('ModelProto', { ...head, opsetImport: [{ domain: '', version: operatorSet }] }),
    fieldStart(field.graph, sizeOf(graph)),
    ...graph,
  ];
}

/** Bytes of the file with all of its weights inside. Protobuf, and with it every reader, takes less than 2 GiB. */
export function fileSize(file: OnnxFile): number {
  return sizeOf(partsOf(file));
}

/** The values of a tensor, checked to be as many as its dims say. */
async function* valuesOf(tensor: OnnxTensor): AsyncGenerator<Uint8Array> {
  let count = 0;
  for await (const piece of tensor.pieces()) {
    count += piece.length;
    yield piece;
  }
  if (count !== byteLength(tensor))
    throw new RangeError(`${tensor.name} has ${byteLength(tensor)} bytes; ${count} came`);
}

/**
 * The bytes of an ONNX file (ModelProto) in pieces, so that of its weights no more than a piece is in memory.
 * @param externalFile the name of the file beside it that has the weights, as `encodeExternalData` gives it. Default: they
 * are inside
 */
export async function* encodeFile(file: OnnxFile, externalFile?: string): AsyncGenerator<Uint8Array> {
  for (const part of partsOf(file, externalFile)) {
    if (part instanceof Uint8Array) yield part;
    else yield* valuesOf(part);
  }
}

/** The bytes of the file of external data that `encodeFile` refers to. */
export async function* encodeExternalData({ tensors }: OnnxFile): AsyncGenerator<Uint8Array> {
  let end = 0;
  for (const [tensor, offset] of outside(tensors)) {
    yield new Uint8Array(offset - end);
    yield* valuesOf(tensor);
    end = offset + byteLength(tensor);
  }
}

/** More `metadata_props`, to be added to the end of an ONNX file: the fields of a protobuf message may be in any order. */
export function encodeMetadata(metadata: ReadonlyMap<string, string>): Uint8Array {
  return encode('ModelProto', { metadataProps: entries(metadata) });
}
