import { type Exporter, pick } from '@graftjs/core';
import { encodeExternalData, encodeFile, encodeMetadata, fileSize } from '@graftjs/onnx';
import { float16 } from './export-float16.js';
import { float32 } from './export-float32.js';
import { int8 } from './export-int8.js';
import type { WritablePrecision } from './export-precision.js';
import { openExported } from './exported-network.js';
import { writeNetwork } from './write-network.js';

/** Protobuf ends at 2 GiB; some of it is left for metadata. */
const usualLimit = 2e9;

const precisions: readonly WritablePrecision[] = [float32, float16, int8];

/** @param limit bytes from which on the weights are in a file of their own, `NAME.onnx.data` */
export function createOnnxExporter(limit = usualLimit): Exporter {
  return {
    name: 'onnx',
    description: 'ONNX: images in, probabilities or masks out, for onnxruntime in any language and for browsers',
    ending: '.onnx',
    precisions,
    async write(path, network, { precision, ranges = new Map(), description }, files) {
      const byName = Object.fromEntries(precisions.map((known) => [known.name, known]));
      const onnx = await writeNetwork(network, pick('precision', precision, byName), ranges);
      const file = { model: onnx.model(), tensors: onnx.tensors, description };
      const name = path.replace(/^.*[/\\]/, '');
      if (fileSize(file) < limit) {
        await files.write(path, encodeFile(file));
        return [name];
      }
      const beside = `${name}.data`;
      await files.write(`${path}.data`, encodeExternalData(file));
      await files.write(path, encodeFile(file, beside));
      return [beside, name];
    },
    annotate: (path, metadata, files) => files.append(path, encodeMetadata(metadata)),
    open: openExported,
  };
}

/** Exports to ONNX files, by standard operators (set 21) alone. */
export const onnxExporter = createOnnxExporter();
