import { DATASET, definePlugin } from '@graftjs/core';
import { cifar10 } from './cifar10.js';

export { cifar10 };

export default definePlugin({
  name: '@graftjs/data-cifar10',
  register(container) {
    container.register(DATASET, { useValue: cifar10 });
  },
});
