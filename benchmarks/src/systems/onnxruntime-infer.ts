import { createOnnxEngine } from '@graftjs/engine-onnx';
import type { InferenceSession } from 'onnxruntime-common';
import * as runtime from 'onnxruntime-node';
import protobuf from 'protobufjs/minimal.js';
import { randomPictures } from './random-pictures.js';
import { reportEnd, settings, timeSteps } from './report.js';
import { buildVgg16, initialize } from './vgg-16.js';

const { batch, size, threads } = settings;

/** The model that Graft hands to the runtime, and the weights that it feeds it. */
async function captureModel() {
  let model: Uint8Array | undefined;
  let feeds: InferenceSession.FeedsType = {};
  const session = {
    inputNames: graph.variables.map(({ name }) => name),
    run: async (given: InferenceSession.FeedsType) => {
      feeds = given;
    },
    release: async () => {},
  };
  const InferenceSession = {
    create: async (bytes: Uint8Array) => {
      model = bytes;
      return session;
    },
  } as unknown as typeof runtime.InferenceSession;
  const capturing = await createOnnxEngine(async () => ({ ...runtime, InferenceSession })).open(graph);
  initialize(capturing);
  await capturing.predict(pictures, batch);
  return { model: model!, feeds };
}

/**
 * The same model with constant weights. Protocol buffers that follow each other are merged: what comes here is `graph`
 * (field 7) with more of `initializer` (field 5), and an `ir_version` (field 1) of 3, below which an initializer that is
 * an input too cannot be overridden.
 */
function withInitializers(model: Uint8Array, feeds: InferenceSession.FeedsType): Uint8Array {
  const parts: Uint8Array[] = [model];
  for (const { name } of graph.variables) {
    const { data, dims } = feeds[name] as { data: Float32Array; dims: readonly number[] };
    const tensor = protobuf.Writer.create();
    for (const dim of dims) tensor.uint32(8).int64(dim);
    tensor.uint32(16).int32(1).uint32(66).string(name).uint32(74);
    tensor.bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    const initializer = protobuf.Writer.create().uint32(42).bytes(tensor.finish()).finish();
    parts.push(protobuf.Writer.create().uint32(58).bytes(initializer).finish());
  }
  parts.push(protobuf.Writer.create().uint32(8).int64(3).finish());
  return Buffer.concat(parts);
}

const graph = buildVgg16({ size });
const { inputs: pictures } = randomPictures(batch, size);
const { model, feeds } = await captureModel();
const session = await runtime.InferenceSession.create(withInitializers(model, feeds), {
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
});
const images = new runtime.Tensor('uint8', pictures, [batch, size, size, 3]);
const [input] = session.inputNames as [string];
const output = session.outputNames.at(-1)!;
await timeSteps(batch, () => session.run({ [input]: images }, [output]));
reportEnd();
await session.release();
