import { elementCount, type Graph } from '@graftjs/core';
import { initialValue } from '@graftjs/trainer';
import * as runtime from 'onnxruntime-node';
import protobuf from 'protobufjs/minimal.js';
import { randomPictures } from './random-pictures.js';
import { reportEnd, settings, timeSteps } from './report.js';
import { buildNetwork } from './network.js';

const { batch, size, threads, network } = settings;
type Message = (writer: protobuf.Writer) => void;

// Fields of onnx.proto by their numbers; a message is written by a function.
const message = (field: number, write: Message): Message => {
  return (writer) => {
    write(writer.uint32((field << 3) | 2).fork());
    writer.ldelim();
  };
};
const text =
  (field: number, value: string): Message =>
  (writer) =>
    writer.uint32((field << 3) | 2).string(value);
const whole =
  (field: number, value: number): Message =>
  (writer) =>
    writer.uint32(field << 3).int64(value);
const all =
  (...parts: readonly Message[]): Message =>
  (writer) => {
    for (const part of parts) part(writer);
  };

const ints = (name: string, values: readonly number[]) =>
  message(5, all(text(1, name), ...values.map((value) => whole(8, value)), whole(20, 7)));
const int = (name: string, value: number) => message(5, all(text(1, name), whole(3, value), whole(20, 2)));
const node = (op: string, inputs: readonly string[], output: string, ...attributes: readonly Message[]) =>
  message(1, all(...inputs.map((name) => text(1, name)), text(2, output), text(4, op), ...attributes));
const tensor = (name: string, dims: readonly number[], values: Float32Array) =>
  message(
    5,
    all(...dims.map((dim) => whole(1, dim)), whole(2, 1), text(8, name), (writer) =>
      writer.uint32((9 << 3) | 2).bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
    ),
  );
const value = (field: number, name: string, type: number, dims: readonly (number | string)[]) => {
  const dim = (size: number | string) => message(1, typeof size === 'string' ? text(2, size) : whole(1, size));
  return message(
    field,
    all(text(1, name), message(2, message(1, all(whole(1, type), message(2, all(...dims.map(dim))))))),
  );
};

/** HWIO as OIHW. */
function turn(values: Float32Array, [height, width, inputs, outputs]: readonly number[]): Float32Array {
  const turned = new Float32Array(values.length);
  const places = height! * width!;
  for (let from = 0; from < values.length; from++) {
    const output = from % outputs!;
    const input = Math.floor(from / outputs!) % inputs!;
    const place = Math.floor(from / (outputs! * inputs!));
    turned[(output * inputs! + input) * places + place] = values[from]!;
  }
  return turned;
}

/** VGG-16 as any exporter would write it: NCHW, dense layers as Gemm, all weights as initializers. */
function writeModel(graph: Graph): Uint8Array {
  const parts: Message[] = [];
  const shapes = new Map(graph.variables.map((variable) => [variable.name, variable]));
  let x = 'pictures';
  let flat = false;
  const add = (op: string, inputs: readonly string[], ...attributes: readonly Message[]) => {
    const output = `${op}_${parts.length}`;
    parts.push(node(op, inputs, output, ...attributes));
    return output;
  };
  const constant = (name: string, dims: readonly number[], values: Float32Array) => {
    parts.push(tensor(name, dims, values));
    return name;
  };
  const initial = (name: string) => initialValue(shapes.get(name)!, 1);
  x = add('Cast', [add('Transpose', [x], ints('perm', [0, 3, 1, 2]))], int('to', 1));
  for (const [index, one] of graph.nodes.entries()) {
    if (one.op === 'normalize') x = add('Sub', [x, constant('mean', [3, 1, 1], Float32Array.from(one.mean))]);
    else if (one.op === 'relu') x = add('Relu', [x]);
    else if (one.op === 'maxPool')
      x = add('MaxPool', [x], ints('kernel_shape', one.kernel), ints('strides', one.strides));
    else if (one.op === 'conv2d') {
      const { shape } = shapes.get(one.weights)!;
      const next = graph.nodes[index + 1]!;
      const biases = next.op === 'bias' ? [constant(next.biases, shape.slice(3), initial(next.biases))] : [];
      if (one.padding.some((pad) => pad > 0)) {
        const [height, width, inputs, outputs] = shape as readonly [number, number, number, number];
        const weights = constant(one.weights, [outputs, inputs, height, width], turn(initial(one.weights), shape));
        x = add('Conv', [x, weights, ...biases], ints('pads', [1, 1, 1, 1]));
      } else {
        if (!flat) x = add('Flatten', [add('Transpose', [x], ints('perm', [0, 2, 3, 1]))]);
        flat = true;
        const weights = constant(one.weights, [elementCount(shape) / shape[3]!, shape[3]!], initial(one.weights));
        x = add('Gemm', [x, weights, ...biases]);
      }
    }
  }
  parts.push(text(2, graph.name), value(11, 'pictures', 2, ['N', size, size, 3]), value(12, x, 1, ['N', 1000]));
  const opset = message(8, all(text(1, ''), whole(2, 21)));
  const writer = protobuf.Writer.create();
  all(whole(1, 10), message(7, all(...parts)), opset)(writer);
  return writer.finish();
}

const session = await runtime.InferenceSession.create(writeModel(buildNetwork(network, { size })), {
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
});
const { inputs: pictures } = randomPictures(batch, size);
const images = new runtime.Tensor('uint8', pictures, [batch, size, size, 3]);
await timeSteps(batch, () => session.run({ pictures: images }));
reportEnd();
await session.release();
