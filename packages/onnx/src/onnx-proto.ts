import protobuf from 'protobufjs/light.js';

/** Element types by ONNX's numbers (`TensorProto.DataType`). */
export const elementType = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float16: 10 } as const;

/** An attribute of a node as JavaScript has it: whole numbers, `float(x)`, text, or lists of whole numbers. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

/** Marks a number as a float attribute, where a bare number is an int. */
export const float = (value: number): Attribute => ({ float: value });

export interface OnnxNode {
  readonly opType: string;
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A size, or the name of one that is known only when the graph runs. */
export type Dimension = number | string;

export interface OnnxValue {
  readonly name: string;
  readonly type: keyof typeof elementType;
  readonly dims: readonly Dimension[];
  /** For people. */
  readonly description?: string;
}

export interface OnnxConstant {
  readonly name: string;
  readonly type: keyof typeof elementType;
  readonly dims: readonly number[];
  /** Little-endian, row-major. */
  readonly bytes: Uint8Array;
}

/** A constant whose values are had only when a file is written: weights. */
export interface OnnxTensor extends Omit<OnnxConstant, 'bytes'> {
  /** All of its bytes, little-endian and row-major, in pieces; a piece may be reused once the next is asked for. */
  pieces(): AsyncIterable<Uint8Array>;
}

export interface OnnxModel {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly constants: readonly OnnxConstant[];
  /** Whether it has the output `sentinel`. Default false. */
  readonly guarded?: boolean;
}

/** The part of onnx.proto (IR version 10) that Graft writes, with its own field names and numbers; `lookupType('ModelProto')`. */
export const onnxMessages = protobuf.Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: { type: 'int64', id: 1 },
        producerName: { type: 'string', id: 2 },
        docString: { type: 'string', id: 6 },
        graph: { type: 'GraphProto', id: 7 },
        opsetImport: { rule: 'repeated', type: 'OperatorSetIdProto', id: 8 },
        metadataProps: { rule: 'repeated', type: 'StringStringEntryProto', id: 14 },
      },
    },
    StringStringEntryProto: { fields: { key: { type: 'string', id: 1 }, value: { type: 'string', id: 2 } } },
    OperatorSetIdProto: { fields: { domain: { type: 'string', id: 1 }, version: { type: 'int64', id: 2 } } },
    GraphProto: {
      fields: {
        node: { rule: 'repeated', type: 'NodeProto', id: 1 },
        name: { type: 'string', id: 2 },
        initializer: { rule: 'repeated', type: 'TensorProto', id: 5 },
        input: { rule: 'repeated', type: 'ValueInfoProto', id: 11 },
        output: { rule: 'repeated', type: 'ValueInfoProto', id: 12 },
      },
    },
    NodeProto: {
      fields: {
        input: { rule: 'repeated', type: 'string', id: 1 },
        output: { rule: 'repeated', type: 'string', id: 2 },
        name: { type: 'string', id: 3 },
        opType: { type: 'string', id: 4 },
        attribute: { rule: 'repeated', type: 'AttributeProto', id: 5 },
        domain: { type: 'string', id: 7 },
      },
    },
    AttributeProto: {
      fields: {
        name: { type: 'string', id: 1 },
        f: { type: 'float', id: 2 },
        i: { type: 'int64', id: 3 },
        s: { type: 'bytes', id: 4 },
        ints: { rule: 'repeated', type: 'int64', id: 8 },
        type: { type: 'int32', id: 20 },
      },
    },
    TensorProto: {
      fields: {
        dims: { rule: 'repeated', type: 'int64', id: 1 },
        dataType: { type: 'int32', id: 2 },
        name: { type: 'string', id: 8 },
        rawData: { type: 'bytes', id: 9 },
        externalData: { rule: 'repeated', type: 'StringStringEntryProto', id: 13 },
        dataLocation: { type: 'int32', id: 14 },
      },
    },
    ValueInfoProto: {
      fields: {
        name: { type: 'string', id: 1 },
        type: { type: 'TypeProto', id: 2 },
        docString: { type: 'string', id: 3 },
      },
    },
    TypeProto: {
      fields: { tensorType: { type: 'Tensor', id: 1 }, sequenceType: { type: 'Sequence', id: 4 } },
      nested: {
        Sequence: { fields: { elemType: { type: 'TypeProto', id: 1 } } },
        Tensor: { fields: { elemType: { type: 'int32', id: 1 }, shape: { type: 'TensorShapeProto', id: 2 } } },
      },
    },
    TensorShapeProto: {
      fields: { dim: { rule: 'repeated', type: 'Dimension', id: 1 } },
      nested: { Dimension: { fields: { dimValue: { type: 'int64', id: 1 }, dimParam: { type: 'string', id: 2 } } } },
    },
  },
});

const ModelProto = onnxMessages.lookupType('ModelProto');

/** `AttributeProto.AttributeType`. */
const attributeType = { float: 1, int: 2, string: 3, ints: 7 };

function attribute(name: string, value: Attribute): Record<string, unknown> {
  if (typeof value === 'number') return { name, type: attributeType.int, i: value };
  if (typeof value === 'string') return { name, type: attributeType.string, s: new TextEncoder().encode(value) };
  if ('float' in value) return { name, type: attributeType.float, f: value.float };
  return { name, type: attributeType.ints, ints: [...value] };
}

function valueInfo({ name, type, dims, description }: OnnxValue): Record<string, unknown> {
  const dim = dims.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  const docString = description === undefined ? {} : { docString: description };
  return { name, type: { tensorType: { elemType: elementType[type], shape: { dim } } }, ...docString };
}

/** The domain of onnxruntime's operations on images whose channels are kept in blocks: `[N, c / b, h, w, b]`. */
export const blockedDomain = 'com.microsoft.nchwc';

/** An output that comes first and is no tensor: an engine may want one, to be told before the tensors. */
export const sentinel = 'graft:sentinel';

const sentinelNode = {
  opType: 'SequenceEmpty',
  domain: '',
  name: sentinel,
  inputs: [],
  outputs: [sentinel],
  attributes: {},
};
const sentinelInfo = {
  name: sentinel,
  type: { sequenceType: { elemType: { tensorType: { elemType: elementType.float32 } } } },
};

/** The version of the format (`IR_VERSION`) and of the operators that Graft writes. */
export const irVersion = 10;
export const operatorSet = 21;

/** A GraphProto, as protobufjs takes it. */
export function graphMessage(model: OnnxModel): Record<string, unknown> {
  return {
    name: model.name,
    node: [...(model.guarded ? [sentinelNode] : []), ...model.nodes].map(
      ({ opType, domain, name, inputs, outputs, attributes }) => ({
        input: [...inputs],
        output: [...outputs],
        name,
        opType,
        domain,
        attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
      }),
    ),
    initializer: model.constants.map(({ name, type, dims, bytes }) => ({
      dims: [...dims],
      dataType: elementType[type],
      name,
      rawData: bytes,
    })),
    input: model.inputs.map(valueInfo),
    output: [...(model.guarded ? [sentinelInfo] : []), ...model.outputs.map(valueInfo)],
  };
}

/** The bytes of an ONNX file (ModelProto) whose weights are inputs, for onnxruntime. `encodeFile` is for files with weights. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const message = {
    irVersion,
    producerName: 'graft',
    opsetImport: [
      { domain: '', version: operatorSet },
      { domain: 'com.microsoft', version: 1 },
      ...(model.nodes.some(({ domain }) => domain === blockedDomain) ? [{ domain: blockedDomain, version: 1 }] : []),
    ],
    graph: graphMessage(model),
  };
  return ModelProto.encode(ModelProto.create(message)).finish();
}
