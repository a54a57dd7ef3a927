import { BACKBONE, DOWNLOAD, definePlugin } from '@graftjs/core';
import { resnetPretrained } from './pretrained.js';
import { resnetBackbones } from './resnet.js';

export { resnetBackbones, resnetPretrained };

export default definePlugin({
  name: '@graftjs/model-resnet',
  register(container) {
    for (const backbone of resnetBackbones) container.register(BACKBONE, { useValue: backbone });
    for (const record of resnetPretrained) container.register(DOWNLOAD, { useValue: record });
  },
});
