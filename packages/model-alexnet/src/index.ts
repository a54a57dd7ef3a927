import { BACKBONE, definePlugin } from '@graftjs/core';
import { alexnetBackbones } from './alexnet.js';

export { alexnetBackbones };

export default definePlugin({
  name: '@graftjs/model-alexnet',
  register(container) {
    for (const backbone of alexnetBackbones) container.register(BACKBONE, { useValue: backbone });
  },
});
