import { CHECKPOINT_FORMAT, definePlugin } from '@graftjs/core';
import { safetensors } from './safetensors.js';

export { safetensors };

export default definePlugin({
  name: '@graftjs/ckpt-safetensors',
  register(container) {
    container.register(CHECKPOINT_FORMAT, { useValue: safetensors });
  },
});
