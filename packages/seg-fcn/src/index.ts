import { definePlugin, SEGMENTER } from '@graftjs/core';
import { fcnSegmenters } from './fcn.js';

export { fcnSegmenters };

export default definePlugin({
  name: '@graftjs/seg-fcn',
  register(container) {
    for (const segmenter of fcnSegmenters) container.register(SEGMENTER, { useValue: segmenter });
  },
});
