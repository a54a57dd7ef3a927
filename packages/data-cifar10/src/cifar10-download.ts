import type { Download } from '@graftjs/core';

/** What the archive unpacks to. */
export const archiveFolder = 'cifar-10-batches-bin';

/**
 * CIFAR-10's binary version at its author's (https://www.cs.toronto.edu/~kriz/cifar.html). The SHA-256 is the one that
 * TensorFlow Datasets expects of that address; the page itself gives the MD5, c32a1d4ab5d03f1284b67883e8d87530.
 */
export const cifar10Download: Download = {
  name: 'cifar10',
  description: 'CIFAR-10, binary version: 60,000 photographs of 32 x 32 pixels in ten classes',
  licence: 'none stated; its author asks to be cited (Krizhevsky, 2009)',
  address: 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
  bytes: 170_052_171,
  hash: { algorithm: 'sha256', value: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd' },
  archive: { format: 'tar.gz', entry: archiveFolder, bytes: 190_000_000, entries: 20 },
};
