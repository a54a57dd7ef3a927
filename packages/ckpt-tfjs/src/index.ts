import { CHECKPOINT_FORMAT, definePlugin } from '@graftjs/core';
import { tfjs } from './tfjs.js';

export { tfjs };

export default definePlugin({
  name: '@graftjs/ckpt-tfjs',
  register(container) {
    container.register(CHECKPOINT_FORMAT, { useValue: tfjs });
  },
});
