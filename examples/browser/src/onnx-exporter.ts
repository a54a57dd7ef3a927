import { onnxExporter } from '@graftjs/ckpt-onnx';
import type { Exporter, FileSystem } from '@graftjs/core';

/**
 * Graft's exporter, whose files are tried by onnxruntime-web, since a browser has no onnxruntime-node. That is only loaded when
 * it is needed.
 * @param files where it writes
 */
export function browserExporter(files: FileSystem): Exporter {
  return {
    ...onnxExporter,
    async open(path) {
      const { env, InferenceSession, Tensor } = await import('onnxruntime-web/wasm');
      env.wasm.numThreads = 1; // more need a page that is isolated from others by its server
      const file = await files.open(path);
      const bytes = new Uint8Array(file.size);
      await file.read(0, bytes);
      const session = await InferenceSession.create(bytes);
      const [input] = session.inputMetadata;
      const shape = input?.isTensor ? input.shape.slice(1).map(Number) : [];
      return {
        async predict(images, count) {
          const feeds = { [input!.name]: new Tensor('uint8', images, [count, ...shape]) };
          const results = await session.run(feeds);
          return results[session.outputNames[0]!]!.data as Float32Array;
        },
        close: () => session.release(),
      };
    },
  };
}
