import { BACKBONE, definePlugin } from '@graftjs/core';
import { resnetBackbones } from './resnet.js';

export { resnetBackbones };

export default definePlugin({
  name: '@graftjs/model-resnet',
  register(container) {
    for (const backbone of resnetBackbones) container.register(BACKBONE, { useValue: backbone });
  },
});
