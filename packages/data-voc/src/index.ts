import { DATASET, DOWNLOAD, definePlugin } from '@graftjs/core';
import { voc, vocAug } from './voc.js';
import { voc2007Download, voc2012Download } from './voc-downloads.js';

export { voc, voc2007Download, voc2012Download, vocAug };

export default definePlugin({
  name: '@graftjs/data-voc',
  register(container) {
    for (const dataset of [voc, vocAug]) container.register(DATASET, { useValue: dataset });
    for (const record of [voc2007Download, voc2012Download]) container.register(DOWNLOAD, { useValue: record });
  },
});
