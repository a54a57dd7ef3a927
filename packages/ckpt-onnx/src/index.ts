import { CHECKPOINT_FORMAT, definePlugin, EXPORTER } from '@graftjs/core';
import { onnx } from './onnx.js';
import { onnxExporter } from './onnx-exporter.js';

export { onnx, onnxExporter };

export default definePlugin({
  name: '@graftjs/ckpt-onnx',
  register(container) {
    container.register(CHECKPOINT_FORMAT, { useValue: onnx });
    container.register(EXPORTER, { useValue: onnxExporter });
  },
});
