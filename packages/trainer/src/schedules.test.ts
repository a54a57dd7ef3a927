import { UsageError } from '@graftjs/core';
import { checkClose } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { createSchedule } from './schedules.js';

const options = { learningRate: 0.01, totalSteps: 100 };
const at = [0, 1, 19, 20, 45, 99, 100, 130];

describe('the rates are TensorFlow’s', () => {
  // tf.compat.v1.train's exponential_decay, polynomial_decay and cosine_decay of TensorFlow 2.15.1, at the steps `at`.
  it.each([
    [
      'exponential,steps=20',
      [
        0.00999999978, 0.00999999978, 0.00999999978, 0.00939999986, 0.00883600023, 0.00780748948, 0.00733903982,
        0.00689869747,
      ],
    ],
    [
      'exponential,steps=20,factor=0.94,staircase=false',
      [
        0.00999999978, 0.00996910967, 0.00942912605, 0.00939999986, 0.00870036893, 0.00736178039, 0.00733903982,
        0.00668853568,
      ],
    ],
    [
      'polynomial,end=0.0001',
      [
        0.00999999978, 0.00990100019, 0.00811900012, 0.0080199996, 0.00554500008, 0.000199000497, 9.99999975e-5,
        9.99999975e-5,
      ],
    ],
    [
      'polynomial,steps=50,end=0.001,power=2',
      [
        0.00999999978, 0.00964360032, 0.00445959996, 0.00424000015, 0.00109000003, 0.00100000005, 0.00100000005,
        0.00100000005,
      ],
    ],
    ['cosine', [0.00999999978, 0.00999753177, 0.00913540181, 0.00904508494, 0.00578217208, 2.4673343e-6, 0.0, 0.0]],
    [
      'cosine,steps=60,alpha=0.1',
      [
        0.00999999978, 0.00999383349, 0.00795087498, 0.00774999941, 0.00231801858, 0.00100000005, 0.00100000005,
        0.00100000005,
      ],
    ],
    ['constant', at.map(() => 0.01)],
  ])('%s', (text, expected) => {
    checkClose(at.map(createSchedule(text, options)), expected, 1e-6, text);
  });
});

describe('warm-up', () => {
  it('rises in equal parts, and the schedule begins after it', () => {
    const schedule = createSchedule('cosine,warmup=4', { learningRate: 0.8, totalSteps: 24 });
    const whole = createSchedule('cosine,steps=20', { learningRate: 0.8, totalSteps: 1 });
    checkClose([0, 1, 2, 3, 4].map(schedule), [0.2, 0.4, 0.6, 0.8, 0.8], 1e-12, 'the first rates');
    checkClose([14, 24].map(schedule), [10, 20].map(whole), 1e-12, 'the rates after it');
    expect(schedule(24)).toBeCloseTo(0, 12);
  });
});

describe('what is not accepted is told from what is', () => {
  it.each([
    ['linear', /no schedule 'linear'.*constant, exponential, polynomial, cosine/],
    ['cosine,beta=1', /'beta'.*warmup, steps, alpha/],
    ['exponential', /needs steps, a whole number from 1 up/],
    ['exponential,steps=0', /steps.*is '0'.*from 1 up/],
    ['exponential,steps=10,factor=2', /factor.*'2'.*above 0, at most 1/],
    ['exponential,steps=10,staircase=maybe', /staircase.*'maybe'.*true or false/],
    ['polynomial,power=', /power.*''.*above 0/],
    ['polynomial,end=0.1', /end at 0.1, above the learning rate of 0.01/],
    ['cosine,warmup=1.5', /warmup.*'1.5'.*whole number/],
    ['cosine,alpha=NaN', /alpha.*'NaN'.*from 0 to 1/],
    ['', /no schedule ''/],
  ])('%s', (text, message) => {
    expect(() => createSchedule(text, options)).toThrow(UsageError);
    expect(() => createSchedule(text, options)).toThrow(message);
  });
});
