import { CheckpointError, type ReadableFile } from '@graftjs/core';
import { readEntry, readTensor, type StoredTensor } from './stored-tensor.js';
import { type WireField, WireScanner, wireType } from './wire-scanner.js';

/** What an attribute of a node has, of those that say what is done with weights. */
export interface Attribute {
  readonly integer?: number;
  readonly float?: number;
  readonly integers?: readonly number[];
  readonly floats?: readonly number[];
  readonly tensor?: StoredTensor;
}

/** One operation. */
export interface OnnxNode {
  readonly name: string;
  /** As ONNX calls it; with its domain before it where that is another than ONNX's own: `com.microsoft.FusedConv`. */
  readonly operation: string;
  /** Names of values; empty for an optional one that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/** What an ONNX file has, but for the values of its larger tensors. */
export interface OnnxFile {
  /** What the network is fed: the name, and ONNX's number of the type. */
  readonly inputs: readonly { readonly name: string; readonly type: number }[];
  readonly nodes: readonly OnnxNode[];
  /** Initializers, and what `Constant` nodes give, by name. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** The graph's, and the largest, of the fields of `ModelProto`. */
const [graphNumber, mostNumber] = [7, 25];
/** What a node and an attribute count as held. */
const [nodeBytes, attributeBytes] = [512, 256];

async function readAttribute(scanner: WireScanner, message: WireField): Promise<[name: string, Attribute]> {
  scanner.hold(attributeBytes);
  let name = '';
  let attribute: Attribute = {};
  const [integers, floats]: [number[], number[]] = [[], []];
  for (const field of await scanner.fieldsOf(message)) {
    if (field.number === 1) name = await scanner.text(field);
    if (field.number === 2) attribute = { ...attribute, float: await scanner.float(field) };
    if (field.number === 3) attribute = { ...attribute, integer: await scanner.integer(field) };
    if (field.number === 5) attribute = { ...attribute, tensor: await readTensor(scanner, field, '') };
    if (field.number === 7) await scanner.floats(field, floats);
    if (field.number === 8) await scanner.integers(field, integers);
  }
  return [name, { ...attribute, ...(integers.length > 0 && { integers }), ...(floats.length > 0 && { floats }) }];
}

async function readNode(scanner: WireScanner, message: WireField): Promise<OnnxNode> {
  scanner.hold(nodeBytes);
  let [name, operation, domain] = ['', '', ''];
  const [inputs, outputs]: [string[], string[]] = [[], []];
  const attributes = new Map<string, Attribute>();
  for (const field of await scanner.fieldsOf(message)) {
    if (field.number === 1) inputs.push(await scanner.text(field));
    if (field.number === 2) outputs.push(await scanner.text(field));
    if (field.number === 3) name = await scanner.text(field);
    if (field.number === 4) operation = await scanner.text(field);
    if (field.number === 5) attributes.set(...(await readAttribute(scanner, field)));
    if (field.number === 7) domain = await scanner.text(field);
  }
  if (domain !== '' && domain !== 'ai.onnx') operation = `${domain}.${operation}`;
  return { name, operation, inputs, outputs, attributes };
}

/** The name of a `ValueInfoProto`, and its element type where it is a tensor. */
async function readInput(scanner: WireScanner, message: WireField): Promise<OnnxFile['inputs'][number]> {
  scanner.hold(attributeBytes);
  let [name, type] = ['', 0];
  for (const field of await scanner.fieldsOf(message)) {
    if (field.number === 1) name = await scanner.text(field);
    if (field.number !== 2) continue;
    for (const kind of await scanner.fieldsOf(field)) {
      if (kind.number !== 1) continue;
      for (const part of await scanner.fieldsOf(kind)) if (part.number === 1) type = await scanner.integer(part);
    }
  }
  return { name, type };
}

async function readGraph(scanner: WireScanner, message: WireField): Promise<Omit<OnnxFile, 'metadata'>> {
  const [inputs, nodes]: [OnnxFile['inputs'][number][], OnnxNode[]] = [[], []];
  const tensors = new Map<string, StoredTensor>();
  const add = (tensor: StoredTensor): void => {
    if (tensor.name === '') throw scanner.fail('a tensor has no name');
    if (tensors.has(tensor.name)) throw scanner.fail(`there are two tensors named '${tensor.name}'`);
    tensors.set(tensor.name, tensor);
  };
  for await (const field of scanner.fields(scanner.bytesOf(message))) {
    if (field.number === 1) {
      const node = await readNode(scanner, field);
      nodes.push(node);
      const tensor = node.operation === 'Constant' ? node.attributes.get('value')?.tensor : undefined;
      if (tensor) add({ ...tensor, name: node.outputs[0] ?? '' });
    }
    if (field.number === 5) add(await readTensor(scanner, field));
    if (field.number === 11) inputs.push(await readInput(scanner, field));
  }
  return { inputs: inputs.filter(({ name }) => !tensors.has(name)), nodes, tensors };
}

/**
 * Reads an ONNX file (`ModelProto` of onnx.proto) but for the values of its tensors. Graphs inside of nodes, and functions, are
 * passed over.
 * @throws CheckpointError `checkpoint/damaged`, `checkpoint/too-complex`
 */
export async function readOnnxFile(file: ReadableFile): Promise<OnnxFile> {
  const scanner = new WireScanner(file);
  const metadata = new Map<string, string>();
  let graph: Omit<OnnxFile, 'metadata'> | undefined;
  for await (const field of scanner.fields({ start: 0, end: file.size })) {
    if (field.number === 14) await readEntry(scanner, field, metadata);
    if (field.number !== graphNumber) continue;
    if (graph) throw scanner.fail('it has two graphs');
    graph = await readGraph(scanner, field);
  }
  if (!graph) throw scanner.fail('it has no graph');
  return { ...graph, metadata };
}

/** Whether a file begins as an ONNX file does: by its version and fields that it has, up to a graph that ends within it. */
export async function beginsAsOnnx(file: ReadableFile): Promise<boolean> {
  let isFirst = true;
  try {
    for await (const { number, type } of new WireScanner(file).fields({ start: 0, end: file.size })) {
      if (isFirst && (number !== 1 || type !== wireType.varint)) return false;
      if (number > mostNumber) return false;
      if (number === graphNumber) return type === wireType.bytes;
      isFirst = false;
    }
    return false;
  } catch (error) {
    if (error instanceof CheckpointError) return false;
    throw error;
  }
}
