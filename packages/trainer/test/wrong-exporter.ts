import { onnxExporter } from '@graftjs/ckpt-onnx';
import type { Exporter } from '@graftjs/core';

/** The exporter, but what it writes is a little different: the second value of a variable is larger by so much. */
export const wrongExporter = (variable: string, by: number): Exporter => ({
  ...onnxExporter,
  write(path, { graph, read }, options, to) {
    const changed = async (name: string, start: number, into: Float32Array) => {
      await read(name, start, into);
      if (name === variable) into[1]! += by;
    };
    return onnxExporter.write(path, { graph, read: changed }, options, to);
  },
});
