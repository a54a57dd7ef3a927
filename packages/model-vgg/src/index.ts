import { BACKBONE, DOWNLOAD, definePlugin } from '@graftjs/core';
import { vggPretrained } from './pretrained.js';
import { vggBackbones } from './vgg.js';

export { vggBackbones, vggPretrained };

export default definePlugin({
  name: '@graftjs/model-vgg',
  register(container) {
    for (const backbone of vggBackbones) container.register(BACKBONE, { useValue: backbone });
    for (const record of vggPretrained) container.register(DOWNLOAD, { useValue: record });
  },
});
