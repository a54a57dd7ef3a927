import { ExportError, type ExportedNetwork } from '@graftjs/core';

async function running<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new ExportError('export/run', `onnxruntime could not run ${path}: ${(cause as Error).message}`, {
      cause,
      details: { path },
    });
  }
}

/** Opens an exported file with onnxruntime, as its users would. In a browser, where there is no onnxruntime-node, that is an error. */
export async function openExported(path: string): Promise<ExportedNetwork> {
  // Bundlers for browsers put nothing in its place, by `browser` in the package.json.
  const { InferenceSession, Tensor }: Partial<typeof import('onnxruntime-node')> = await running(
    path,
    () => import('onnxruntime-node'),
  );
  if (!InferenceSession || !Tensor) {
    throw new ExportError('export/run', `There is no onnxruntime-node to run ${path}: take onnxruntime-web.`, {
      details: { path },
    });
  }
  const session = await running(path, () => InferenceSession.create(path, { logSeverityLevel: 3 }));
  const [input] = session.inputMetadata;
  const [output] = session.outputNames;
  const shape = input?.isTensor ? input.shape.slice(1).map(Number) : [];
  return {
    async predict(images, count) {
      const feeds = { [input!.name]: new Tensor('uint8', images, [count, ...shape]) };
      const results = await running(path, () => session.run(feeds));
      return results[output!]!.data as Float32Array | Uint8Array;
    },
    close: () => session.release(),
  };
}
