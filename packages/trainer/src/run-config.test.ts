import { RunError, UsageError } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { parseRunConfig, parseRunRecord } from './run-config.js';

const least = { model: { name: 'vgg_16' }, dataset: { name: 'folder', folder: '/data' } };

describe('a config', () => {
  it('is filled in, and stays what it is when it is parsed again', () => {
    const config = parseRunConfig({ ...least, checkpoint: { path: '/vgg_16.ckpt', exclude: ['vgg_16/fc8'] } });
    expect(config).toEqual({
      model: { name: 'vgg_16' },
      dataset: { name: 'folder', folder: '/data', seed: 0, corrupt: 'refuse' },
      checkpoint: { path: '/vgg_16.ckpt', exclude: ['vgg_16/fc8'], ignoreMissing: false },
      train: 'all',
      batchNorm: 'train',
      engine: { name: 'onnx' },
      optimizer: 'adam',
      learningRate: 0.0001,
      schedule: 'constant',
      weightDecay: 0,
      labelSmoothing: 0,
      classWeights: 'none',
      augment: ['none'],
      batchSize: 32,
      accumulate: 1,
      epochs: 10,
      seed: 0,
      checkpointFormat: 'slim-v2',
    });
    expect(parseRunConfig(config)).toEqual(config);
    expect(parseRunConfig({ ...least, steps: 5 })).not.toHaveProperty('epochs');
    expect(parseRunConfig({ ...least, epochs: undefined, model: { name: 'a', size: undefined } }).model).toEqual({
      name: 'a',
    });
  });

  it.each([
    ['learningRate', { learningRate: '0.1' }, 'learningRate is "0.1". Accepted: a number above 0.'],
    ['learningRate', { learningRate: Number.NaN }, 'learningRate is NaN. Accepted: a number above 0.'],
    ['batchSize', { batchSize: 0.5 }, 'batchSize is 0.5. Accepted: a whole number from 1 up.'],
    ['clipNorm', { clipNorm: 0 }, 'clipNorm is 0. Accepted: a number above 0.'],
    ['clipValue', { clipValue: -1 }, 'clipValue is -1. Accepted: a number above 0.'],
    ['multipliers.a', { multipliers: { a: 0 } }, 'multipliers.a is 0. Accepted: a number above 0.'],
    ['multipliers', { multipliers: ['a'] }, 'multipliers is ["a"]. Accepted: an object of factors by scope.'],
    ['labelSmoothing', { labelSmoothing: 1 }, 'labelSmoothing is 1. Accepted: a number from 0 to below 1.'],
    [
      'classWeights',
      { classWeights: 'most' },
      "classWeights is \"most\". Accepted: 'none', 'balanced', 'median', or an object of numbers above 0 by the names of classes.",
    ],
    ['classWeights.a', { classWeights: { a: -1 } }, 'classWeights.a is -1. Accepted: a number above 0.'],
    ['movingAverageDecay', { movingAverageDecay: 1 }, 'movingAverageDecay is 1. Accepted: a number from 0 to below 1.'],
    ['accumulate', { accumulate: 0 }, 'accumulate is 0. Accepted: a whole number from 1 up.'],
    ['seed', { seed: 2 ** 32 }, 'seed is 4294967296. Accepted: a whole number from 0 to 4294967295.'],
    ['train', { train: 'most' }, "train is \"most\". Accepted: 'all', 'head', or a list of scopes that is not empty."],
    ['train', { train: [] }, "train is []. Accepted: 'all', 'head', or a list of scopes that is not empty."],
    [
      'model.dropout',
      { model: { name: 'a', dropout: 1 } },
      'model.dropout is 1. Accepted: a number from 0 to below 1.',
    ],
    [
      'model.siz',
      { model: { name: 'a', siz: 3 } },
      'model.siz is 3. Accepted: no such key, but name, backbone, head, size, width, classes, dropout, denseChannels, learnedUpsampling, scaledSkips, normalization.',
    ],
    ['checkpoint.path', { checkpoint: {} }, 'checkpoint.path is missing. Accepted: a text that is not empty.'],
    [
      'checkpoint.exclude.1',
      { checkpoint: { path: 'a', exclude: ['b', 2] } },
      'checkpoint.exclude.1 is 2. Accepted: a text that is not empty.',
    ],
  ])('tells what is wrong with %s', (path, change, message) => {
    let error: unknown;
    try {
      parseRunConfig({ ...least, ...change });
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).message).toContain(message);
    expect((error as UsageError).details.problems).toMatchObject([{ path }]);
  });

  it('tells everything that is wrong at once', () => {
    expect(() => parseRunConfig({ lr: 1, batchSize: -1 })).toThrow(/model.*\n.*dataset.*\n.*batchSize.*\n.*lr/);
    expect(() => parseRunConfig(undefined)).toThrow('the config is missing. Accepted: an object.');
  });

  it('takes epochs or steps, not both', () => {
    expect(() => parseRunConfig({ ...least, epochs: 1, steps: 2 })).toThrow('epochs is 1 and steps is 2');
  });
});

describe('a config.json', () => {
  it('is refused by its path where it is damaged or lacks something', () => {
    expect(() => parseRunRecord('{"model": {', 'run/config.json')).toThrow(/^run\/config.json is not JSON/);
    const failing = () => parseRunRecord(JSON.stringify(parseRunConfig(least)), 'run/config.json');
    expect(failing).toThrow(RunError);
    expect(failing).toThrow(/run\/config.json.*\n.*classes is missing.*list.*\n.*trained is missing/);
  });
});
