import { createContainer, DATASET, definePlugin, type MaskDataset, UsageError } from '@graftjs/core';
import { expect, it } from 'vitest';
import { openClassifiedData } from './run-data.js';

it('trains no classifier on masks', async () => {
  const masks: MaskDataset = {
    name: 'masks',
    description: 'masks',
    target: 'masks',
    open: () => Promise.reject(new Error('opened')),
  };
  const plugin = definePlugin({ name: 'p', register: (container) => container.register(DATASET, { useValue: masks }) });
  const config = { name: 'masks', folder: '/nowhere', seed: 0, corrupt: 'refuse' } as const;
  const error: unknown = await openClassifiedData(config, createContainer([plugin])).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(UsageError);
  expect(error).toMatchObject({
    code: 'usage/target',
    message: expect.stringContaining('The data set masks tells the class of every pixel'),
    details: { dataset: 'masks', target: 'masks' },
  });
});
