import type { Download } from '@graftjs/core';

const licence = "the images are Flickr's, under its terms of use; see http://host.robots.ox.ac.uk/pascal/VOC";

/** What both archives unpack to; each has a folder of its own in it. */
const entry = 'VOCdevkit';

/**
 * PASCAL VOC's archives, where their home, host.robots.ox.ac.uk, sends whoever asks for them, as torchvision does. SHA-256
 * and size are those that TensorFlow Datasets expects of the files by these names; torchvision expects the MD5
 * 6cd6e144f989b92b3379bac3b3de84fd of 2012's, and c52e279531787c972589f7e41ab4ae64 of 2007's.
 */
export const voc2012Download: Download = {
  name: 'voc2012',
  description: 'PASCAL VOC 2012, training and validation: 2,913 photographs with masks of 21 classes, of 17,125',
  licence,
  address: 'https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar',
  bytes: 1_999_639_040,
  hash: { algorithm: 'sha256', value: 'e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb' },
  archive: { format: 'tar', entry, bytes: 1_999_639_040, entries: 50_000 },
};

/** See `voc2012Download`. Both unpack to the same folder, so that they need different places. */
export const voc2007Download: Download = {
  name: 'voc2007',
  description: 'PASCAL VOC 2007, training and validation: 422 photographs with masks of 21 classes, of 5,011',
  licence,
  address: 'https://thor.robots.ox.ac.uk/pascal/VOC/voc2007/VOCtrainval_06-Nov-2007.tar',
  bytes: 460_032_000,
  hash: { algorithm: 'sha256', value: '7d8cd951101b0957ddfd7a530bdc8a94f06121cfc1e511bb5937e973020c7508' },
  archive: { format: 'tar', entry, bytes: 460_032_000, entries: 12_000 },
};
