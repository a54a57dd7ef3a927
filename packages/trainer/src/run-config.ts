import { RunError, UsageError } from '@graftjs/core';
import * as z from 'zod';
import { batchNormPolicies } from './batch-norm-policy.js';

// Every schema's message is what it accepts; `problems` puts the path and what came before it.

const number = (accepted: string, fits: (value: number) => boolean) => z.number(accepted).refine(fits, accepted);

const whole = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  number(
    most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least} up` : `a whole number from ${least} to ${most}`,
    (value) => Number.isSafeInteger(value) && value >= least && value <= most,
  );

const text = z.string('a text that is not empty').min(1, 'a text that is not empty');
const list = z.array(text, 'a list of texts');
const flag = z.boolean('true or false');

const object = <T extends z.ZodRawShape>(shape: T) =>
  z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? Object.keys(shape).join(', ') : 'an object'),
  });

/** What of a segmenter's transposed convolutions trains. */
const learnedUpsamplings = ['none', 'inner', 'all'] as const;

const regimeText = "'all', 'head', or a list of scopes that is not empty";
const regime = z.union([z.literal(['all', 'head']), z.array(text).min(1, regimeText)], regimeText);

const aboveZero = number('a number above 0', (value) => value > 0);

const classWeightsText = "'none', 'balanced', 'median', or an object of numbers above 0 by the names of classes";

const ofChannels = (accepted: string, fits: (value: number) => boolean) =>
  z
    .tuple(
      [number(accepted, fits), number(accepted, fits), number(accepted, fits)],
      'three numbers: of red, green and blue',
    )
    .readonly();

const shape = {
  /** The network by name, and its options; what is left out is the network's own. */
  model: object({
    name: text,
    /** What a segmenter is built on. Default: its own. */
    backbone: text.exactOptional(),
    head: text.exactOptional(),
    size: whole(1).exactOptional(),
    width: aboveZero.exactOptional(),
    /** To be compared with the data set, which says how many there are. */
    classes: whole(2).exactOptional(),
    dropout: number('a number from 0 to below 1', (value) => value >= 0 && value < 1).exactOptional(),
    /** Of a segmenter; see `SegmenterOptions`. */
    denseChannels: whole(1).exactOptional(),
    learnedUpsampling: z
      .enum(learnedUpsamplings, learnedUpsamplings.map((which) => `'${which}'`).join(', '))
      .exactOptional(),
    scaledSkips: flag.exactOptional(),
    /** What images are normalized by. Default: as the checkpoint's source does it, by its names; else as the backbone does. */
    normalization: object({
      mean: ofChannels('a number from 0 to 255', (value) => value >= 0 && value <= 255),
      deviation: ofChannels('a number above 0', (value) => value > 0),
    }).exactOptional(),
  }),
  dataset: object({
    name: text,
    /** As the data set's plugin is to open it; an absolute path lets a run be resumed from any folder. */
    folder: text,
    /** For the data set's split and the choice of limited images: runs of different seeds may share them. */
    seed: whole(0, 2 ** 32 - 1).default(0),
    /** Use this many images of `train`, chosen by `dataset.seed`. */
    limitTrain: whole(1).exactOptional(),
    limitTest: whole(1).exactOptional(),
    corrupt: z.enum(['refuse', 'skip'], "'refuse' or 'skip'").default('refuse'),
  }),
  /** What the weights start from; without it, random values. */
  checkpoint: object({
    path: text,
    /** The published checkpoint that it is, by the name of its `Download`. */
    pretrained: text.exactOptional(),
    /** Scopes, as Slim's `checkpoint_exclude_scopes`. */
    exclude: list.default([]),
    include: list.exactOptional(),
    ignoreMissing: flag.default(false),
    /** Scopes of the network's variables that are called otherwise there, and how: `{ fcn_16s: 'fcn_32s' }`. */
    scopes: z.record(text, text, 'an object of scopes by scope').exactOptional(),
    /** Whose names it has, where several would do; see `chooseNames`. */
    names: text.exactOptional(),
  }).exactOptional(),
  /** See `selectTrainable`. */
  train: regime.default('all'),
  /** What is done with batch normalization in training; see `BatchNormPolicy`. */
  batchNorm: z.enum(batchNormPolicies, batchNormPolicies.map((policy) => `'${policy}'`).join(', ')).default('train'),
  engine: object({ name: text.default('onnx'), device: text.exactOptional() }).prefault({}),
  /** One of `optimizers`. */
  optimizer: text.default('adam'),
  learningRate: aboveZero.default(1e-4),
  /** See `createSchedule`. */
  schedule: text.default('constant'),
  /** An L2 term of the loss, as Slim's; for `adamw` decoupled from it. */
  weightDecay: number('a number from 0 up', (value) => value >= 0).default(0),
  /** As `label_smoothing` of `tf.losses.softmax_cross_entropy`, for the loss of the steps; evaluations take labels as they are. */
  labelSmoothing: number('a number from 0 to below 1', (value) => value >= 0 && value < 1).default(0),
  /** Keep moving averages of the weights, for evaluation and use; see `withMovingAverages`. Slim's are around 0.9999. */
  movingAverageDecay: number('a number from 0 to below 1', (value) => value >= 0 && value < 1).exactOptional(),
  /** How much images, or pixels, of each class count in the loss of the steps; see `resolveClassWeights`, `resolvePixelWeights`. */
  classWeights: z
    .union([z.literal(['none', 'balanced', 'median']), z.record(text, aboveZero)], classWeightsText)
    .default('none'),
  /** The most that an element of the gradient, with weight decay, may be; as `tf.clip_by_value`. */
  clipValue: aboveZero.exactOptional(),
  /** The most that the norm of all gradients together may be, after that; as `tf.clip_by_global_norm`. */
  clipNorm: aboveZero.exactOptional(),
  /** What the learning rate is multiplied by, by the scope of the variables; the longest scope counts. */
  multipliers: z.record(text, aboveZero, 'an object of factors by scope').exactOptional(),
  /** See `createPreprocessing`, and for images with masks `createMaskPreprocessing`. */
  augment: list.default(['none']),
  batchSize: whole(1).default(32),
  /** Batches in a step: their gradients make one update, as those of a batch so many times as large would. */
  accumulate: whole(1).default(1),
  /** Times that every image is seen: this or `steps`. Default 10. */
  epochs: whole(1).exactOptional(),
  /** Updates: this or `epochs`. */
  steps: whole(1).exactOptional(),
  /** Evaluate on `test` every so many steps, and at the end. Default: at the end of each epoch. */
  evalEvery: whole(1).exactOptional(),
  /** Save every so many steps, and at the end. Default: after each evaluation. */
  saveEvery: whole(1).exactOptional(),
  /** Stop after so many evaluations without a better top1, or mean IoU, than the best; that one's weights are the run's result. */
  earlyStop: whole(1).exactOptional(),
  /** For the order, augmentation, dropout and initial values. */
  seed: whole(0, 2 ** 32 - 1).default(0),
  /**
   * Threads that decode and prepare images; 0: none but the calling one. Default: by the cores of the machine that it runs
   * on, so it is not kept. Without `startWorkers` of the run's options: images that are read at the same time.
   */
  workers: whole(0).exactOptional(),
  /** What the run's checkpoints are written in. */
  checkpointFormat: text.default('slim-v2'),
};

const runConfig = object(shape);

const runRecord = object({
  ...shape,
  /** Names of the classes, in the order of the network's outputs. */
  classes: list,
  /** Names of the variables that train, which `train` came to. */
  trained: list,
});

const checkpointConfig = object({
  /** The backbone by name, and its options; what is left out is the published checkpoint's, else the backbone's own. */
  model: shape.model,
  checkpoint: object({
    path: text,
    /** Whose names it has, where several would do; see `chooseNames`. */
    names: text.exactOptional(),
  }),
  dataset: object({
    name: text,
    /** As the data set's plugin is to open it. */
    folder: text,
    /** Default: all images, where the data set comes unsplit, else `test`. */
    split: text.exactOptional(),
    /** Use this many images of it, drawn at random, the same each time. */
    limit: whole(1).exactOptional(),
  }),
  /**
   * The `Download` that says what the network was trained for, by name. Default: the first that is of the model.
   */
  pretrained: text.exactOptional(),
  /** See `createPreprocessing`. Default: that of the published checkpoint, else the backbone's. */
  preprocessing: text.exactOptional(),
  engine: shape.engine,
  batchSize: shape.batchSize,
});

/** What a user says of a checkpoint that is to be evaluated; all that has a default may be left out. */
export type CheckpointConfigInput = z.input<typeof checkpointConfig>;

/** A checkpoint that is to be evaluated, with every default filled in that does not depend on the network. */
export type CheckpointConfig = z.output<typeof checkpointConfig>;

/** What a user says of a run; all that has a default may be left out. */
export type RunConfigInput = z.input<typeof runConfig>;

/** A run with every default filled in. */
export type RunConfig = z.output<typeof runConfig>;

/** A run folder's `config.json`: all that is needed to run it again. */
export type RunRecord = z.output<typeof runRecord>;

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key], value);
}

function shown(value: unknown): string {
  const json = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'missing');
  return json.length > 80 ? `${json.slice(0, 77)}...` : json;
}

interface Problem {
  readonly path: string;
  readonly received: unknown;
  readonly accepted: string;
}

function problems(error: z.ZodError, value: unknown): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
    const path = issue.path.map(String);
    if (issue.code !== 'unrecognized_keys') {
      return [{ path: path.join('.') || 'the config', received: at(value, issue.path), accepted: issue.message }];
    }
    const accepted = `no such key, but ${issue.message}`;
    return issue.keys.map((key) => ({
      path: [...path, key].join('.'),
      received: at(value, [...issue.path, key]),
      accepted,
    }));
  });
}

const listed = (found: readonly Problem[]): string =>
  found.map(({ path, received, accepted }) => `\n  ${path} is ${shown(received)}. Accepted: ${accepted}.`).join('');

/** The same without the keys whose value is undefined, as JSON would have it. */
function withoutUndefined(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const kept = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(kept.map(([key, inner]) => [key, withoutUndefined(inner)]));
}

/** What `schema` makes of what a user says; else a `UsageError` `usage/config` that begins with `failure`. */
function parse<T extends z.ZodType>(schema: T, value: unknown, failure: string): z.output<T> {
  const given = withoutUndefined(value);
  const { data, error } = schema.safeParse(given);
  if (!error) return data;
  const details = { problems: problems(error, given) };
  throw new UsageError('usage/config', `${failure}:${listed(details.problems)}`, { details });
}

/**
 * Checks what a user says of a run and fills in the defaults. A key whose value is undefined counts as left out.
 * @throws UsageError `usage/config` with the path of everything that is wrong, what was received and what is accepted
 */
export function parseRunConfig(value: unknown): RunConfig {
  const data = parse(runConfig, value, 'The run cannot be started');
  if (data.epochs !== undefined && data.steps !== undefined) {
    throw new UsageError(
      'usage/config',
      `epochs is ${data.epochs} and steps is ${data.steps}. Accepted: one of the two.`,
    );
  }
  return data.steps === undefined ? { ...data, epochs: data.epochs ?? 10 } : data;
}

/** The same for a checkpoint that is to be evaluated. */
export function parseCheckpointConfig(value: unknown): CheckpointConfig {
  return parse(checkpointConfig, value, 'The checkpoint cannot be evaluated');
}

/**
 * Reads the text of a `config.json`.
 * @param path for messages
 * @throws RunError `run/config` where it is none
 */
export function parseRunRecord(text: string, path: string): RunRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RunError('run/config', `${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const { data, error } = runRecord.safeParse(value);
  if (data) return data;
  const details = { path, problems: problems(error, value) };
  throw new RunError('run/config', `${path} is not the config of a run:${listed(details.problems)}`, { details });
}
