import { DATASET, definePlugin, PICTURE_READER, type PictureReader } from '@graftjs/core';
import { folder } from './folder.js';
import { readPicture } from './read-picture.js';

export { folder };

/** Pictures of any format that sharp decodes. */
export const pictureReader: PictureReader = { name: 'sharp', read: readPicture };

export default definePlugin({
  name: '@graftjs/data-folder',
  register(container) {
    container.register(DATASET, { useValue: folder });
    container.register(PICTURE_READER, { useValue: pictureReader });
  },
});
