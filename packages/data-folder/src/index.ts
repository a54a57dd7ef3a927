import { DATASET, definePlugin } from '@graftjs/core';
import { folder } from './folder.js';

export { folder };

export default definePlugin({
  name: '@graftjs/data-folder',
  register(container) {
    container.register(DATASET, { useValue: folder });
  },
});
