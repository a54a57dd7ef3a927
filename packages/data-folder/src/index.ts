import { DATASET, definePlugin, IMAGE_READER, type ImageReader } from '@graftjs/core';
import { folder } from './folder.js';
import { readImage } from './read-image.js';

export { folder };

/** Images of any format that sharp decodes. */
export const imageReader: ImageReader = { name: 'sharp', read: readImage };

export default definePlugin({
  name: '@graftjs/data-folder',
  register(container) {
    container.register(DATASET, { useValue: folder });
    container.register(IMAGE_READER, { useValue: imageReader });
  },
});
