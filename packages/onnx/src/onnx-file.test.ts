import { describe, expect, it } from 'vitest';
import { encodeExternalData, encodeFile, encodeMetadata, fileSize, type OnnxFile } from './onnx-file.js';
import { OnnxGraph } from './onnx-graph.js';
import { type OnnxTensor, onnxMessages } from './onnx-proto.js';

const values = (count: number, first: number) => Float32Array.from({ length: count }, (_, i) => first + i / 8);

/** A tensor that is given in pieces of `length`, all in the same array. */
function tensor(name: string, dims: readonly number[], all: Float32Array, length: number): OnnxTensor {
  return {
    name,
    type: 'float32',
    dims,
    async *pieces() {
      const room = new Float32Array(length);
      for (let start = 0; start < all.length; start += length) {
        const piece = all.subarray(start, start + length);
        room.set(piece);
        yield new Uint8Array(room.buffer, 0, piece.byteLength);
      }
    },
  };
}

const [large, small] = [values(3000, 1), values(3, 100)];

function fileOf(tensors: readonly OnnxTensor[]): OnnxFile {
  const graph = new OnnxGraph('sum');
  const x = graph.input('x', 'float32', ['N', 3], 'what comes in');
  graph.output(graph.add('Add', [x, 'small']), 'y', 'float32', ['N', 3]);
  return { model: graph.model(), tensors, description: 'adds' };
}
const file = fileOf([tensor('large', [30, 100], large, 700), tensor('small', [3], small, 3)]);

/** What protobufjs reads, which is not what wrote it. */
interface Decoded {
  irVersion: number;
  docString: string;
  graph: {
    node: { opType: string }[];
    input: { docString: string }[];
    initializer: {
      name: string;
      dims: number[];
      rawData?: Uint8Array;
      externalData?: { key: string; value: string }[];
    }[];
  };
  opsetImport: { domain?: string; version: number }[];
  metadataProps?: { key: string; value: string }[];
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

function decode(bytes: Uint8Array): Decoded {
  const type = onnxMessages.lookupType('ModelProto');
  return type.toObject(type.decode(bytes), { longs: Number }) as Decoded;
}

const floats = (bytes: Uint8Array) => new Float32Array(new Uint8Array(bytes).buffer);

describe('a file that is written piece by piece', () => {
  it('is a ModelProto with its weights, of standard operators alone', async () => {
    const bytes = await bytesOf(encodeFile(file));
    expect(bytes.length).toBe(fileSize(file));
    const { graph, ...model } = decode(bytes);
    expect(model).toEqual({
      irVersion: 10,
      producerName: 'graft',
      docString: 'adds',
      // No domain: ONNX's own.
      opsetImport: [{ version: 21 }],
    });
    expect(graph.node.map(({ opType }) => opType)).toEqual(['Add']);
    expect(graph.input[0]!.docString).toBe('what comes in');
    expect(graph.initializer.map(({ name, dims }) => [name, dims])).toEqual([
      ['large', [30, 100]],
      ['small', [3]],
    ]);
    expect(graph.initializer.map(({ rawData }) => floats(rawData!))).toEqual([large, small]);
  });

  it('refers to large weights in a file beside it, each at a multiple of a page', async () => {
    const another = tensor('another', [2000], values(2000, 7), 2000);
    const many = fileOf([...file.tensors, another]);
    const { graph } = decode(await bytesOf(encodeFile(many, 'sum.data')));
    const beside = await bytesOf(encodeExternalData(many));
    const found = graph.initializer.map(({ rawData, externalData }) => {
      if (rawData) return floats(rawData);
      const { location, offset, length } = Object.fromEntries(externalData!.map(({ key, value }) => [key, value]));
      expect([location, Number(offset) % 4096]).toEqual(['sum.data', 0]);
      return floats(beside.subarray(Number(offset), Number(offset) + Number(length)));
    });
    expect(found).toEqual([large, small, values(2000, 7)]);
  });

  it('takes metadata at its end', async () => {
    const metadata = new Map([
      ['labels', '["a","ü"]'],
      ['licence', 'CC0'],
    ]);
    const bytes = Buffer.concat([await bytesOf(encodeFile(file)), encodeMetadata(metadata)]);
    const { metadataProps, graph } = decode(bytes);
    expect(metadataProps!.map(({ key, value }) => [key, value])).toEqual([...metadata]);
    expect(floats(graph.initializer[0]!.rawData!)).toEqual(large);
  });

  it('ends in an error where a tensor gives another number of bytes than its dims say', async () => {
    const short = fileOf([tensor('small', [4], small, 3)]);
    await expect(bytesOf(encodeFile(short))).rejects.toThrow('small has 16 bytes; 12 came');
  });
});
