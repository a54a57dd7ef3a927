import { DATASET, DOWNLOAD, definePlugin } from '@graftjs/core';
import { cifar10 } from './cifar10.js';
import { cifar10Download } from './cifar10-download.js';

export { cifar10, cifar10Download };

export default definePlugin({
  name: '@graftjs/data-cifar10',
  register(container) {
    container.register(DATASET, { useValue: cifar10 });
    container.register(DOWNLOAD, { useValue: cifar10Download });
  },
});
