import { pick, type Schedule, UsageError } from '@graftjs/core';

/** What a schedule is made with besides its own text. */
export interface ScheduleOptions {
  /** The rate that it starts from, after any warm-up. */
  readonly learningRate: number;
  /** Updates in the whole run: what schedules that end somewhere reach their end at, unless they say `steps`. */
  readonly totalSteps: number;
}

type Values = Readonly<Record<string, number>>;

interface Form {
  /** The keys that it takes and their defaults; undefined where the value has to be given. */
  defaults(options: ScheduleOptions): Readonly<Record<string, number | undefined>>;
  create(learningRate: number, values: Values): Schedule;
}

const forms: Readonly<Record<string, Form>> = {
  constant: {
    defaults: () => ({}),
    create: (learningRate) => () => learningRate,
  },
  exponential: {
    defaults: () => ({ steps: undefined, factor: 0.94, staircase: 1 }),
    create: (learningRate, { steps, factor, staircase }) =>
      function exponentialDecay(step) {
        const periods = step / steps!;
        return learningRate * factor! ** (staircase ? Math.floor(periods) : periods);
      },
  },
  polynomial: {
    defaults: ({ totalSteps }) => ({ steps: totalSteps, end: 0, power: 1 }),
    create: (learningRate, { steps, end, power }) =>
      function polynomialDecay(step) {
        return (learningRate - end!) * (1 - Math.min(step, steps!) / steps!) ** power! + end!;
      },
  },
  cosine: {
    defaults: ({ totalSteps }) => ({ steps: totalSteps, alpha: 0 }),
    create: (learningRate, { steps, alpha }) =>
      function cosineDecay(step) {
        const cosine = (1 + Math.cos((Math.PI * Math.min(step, steps!)) / steps!)) / 2;
        return learningRate * ((1 - alpha!) * cosine + alpha!);
      },
  },
};

const wholeAbove = (least: number) => ({
  accepted: `a whole number from ${least} up`,
  fits: (value: number) => Number.isSafeInteger(value) && value >= least,
});

/** What each key accepts. */
const ranges: Readonly<Record<string, { readonly accepted: string; fits(value: number): boolean }>> = {
  warmup: wholeAbove(0),
  steps: wholeAbove(1),
  factor: { accepted: 'a number above 0, at most 1', fits: (value) => value > 0 && value <= 1 },
  staircase: { accepted: 'true or false', fits: (value) => value === 0 || value === 1 },
  end: { accepted: 'a number from 0 up to the learning rate', fits: (value) => value >= 0 },
  power: { accepted: 'a number above 0', fits: (value) => value > 0 && value < Number.POSITIVE_INFINITY },
  alpha: { accepted: 'a number from 0 to 1', fits: (value) => value >= 0 && value <= 1 },
};

function parseValue(schedule: string, key: string, text: string): number {
  const value = key === 'staircase' ? ['false', 'true'].indexOf(text) : text === '' ? Number.NaN : Number(text);
  const { accepted, fits } = ranges[key]!;
  if (fits(value)) return value;
  throw new UsageError('usage/schedule', `${key} of the schedule '${schedule}' is '${text}'. Accepted: ${accepted}.`, {
    details: { schedule, key, received: text, accepted },
  });
}

function parseValues(text: string, parts: readonly string[], defaults: Values): Values {
  const values: Record<string, number> = { ...defaults };
  for (const part of parts) {
    const [key = '', value = ''] = part.split(/=(.*)/s);
    pick(`key in the schedule '${text}' named`, key, defaults);
    values[key] = parseValue(text, key, value);
  }
  return values;
}

/**
 * The learning rate over a run, from `NAME[,key=value...]`:
 *
 * - `constant`
 * - `exponential,steps=N[,factor=0.94][,staircase=true]`: `tf.train.exponential_decay`; the rate times `factor` every
 *   `steps`, all at once or (staircase=false) little by little. Defaults as in TF-Slim.
 * - `polynomial[,steps=N][,end=0][,power=1]`: `tf.train.polynomial_decay`, which stays at `end` (whose default there,
 *   0.0001, is above many rates of fine-tuning).
 * - `cosine[,steps=N][,alpha=0]`: `tf.train.cosine_decay`, which stays at `alpha` times the rate.
 *
 * Each takes `warmup=N`: before it begins, the rate rises over N updates in equal parts, the first being 1/N of it.
 * `steps` of the last two is, unless given, what is left of the run after that.
 * @throws UsageError for names, keys and values that are not accepted, with those that are
 */
export function createSchedule(text: string, options: ScheduleOptions): Schedule {
  const [name = '', ...parts] = text.split(',').map((part) => part.trim());
  const form = pick('schedule', name, forms);
  const { learningRate, totalSteps } = options;
  const warmupPart = parts.find((part) => part.startsWith('warmup='));
  const warmup = warmupPart === undefined ? 0 : parseValue(text, 'warmup', warmupPart.slice('warmup='.length));
  const defaults = form.defaults({ learningRate, totalSteps: Math.max(1, totalSteps - warmup) });
  const values = parseValues(text, parts, { warmup: 0, ...defaults } as Values);
  const missing = Object.keys(defaults).find((key) => values[key] === undefined);
  if (missing !== undefined) {
    const { accepted } = ranges[missing]!;
    throw new UsageError(
      'usage/schedule',
      `The schedule '${text}' needs ${missing}, ${accepted}: '${name},${missing}=1000'.`,
    );
  }
  if (values.end !== undefined && values.end > learningRate) {
    throw new UsageError(
      'usage/schedule',
      `The schedule '${text}' would end at ${values.end}, above the learning rate of ${learningRate}. ` +
        `Give it an end from 0 to ${learningRate}: '${name},end=0'.`,
    );
  }
  const decay = form.create(learningRate, values);
  return (step) => (step < warmup ? (learningRate * (step + 1)) / warmup : decay(step - warmup));
}
