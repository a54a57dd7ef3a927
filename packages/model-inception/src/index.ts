import { BACKBONE, DOWNLOAD, definePlugin } from '@graftjs/core';
import { inceptionBackbones } from './inception.js';
import { inceptionPretrained } from './pretrained.js';

export { inceptionBackbones, inceptionPretrained };

export default definePlugin({
  name: '@graftjs/model-inception',
  register(container) {
    for (const backbone of inceptionBackbones) container.register(BACKBONE, { useValue: backbone });
    for (const record of inceptionPretrained) container.register(DOWNLOAD, { useValue: record });
  },
});
