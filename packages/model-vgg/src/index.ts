import { BACKBONE, definePlugin } from '@graftjs/core';
import { vggBackbones } from './vgg.js';

export { vggBackbones };

export default definePlugin({
  name: '@graftjs/model-vgg',
  register(container) {
    for (const backbone of vggBackbones) container.register(BACKBONE, { useValue: backbone });
  },
});
