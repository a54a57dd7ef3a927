import { readFile } from 'node:fs/promises';
import { DataError, elementCount } from '@graftjs/core';
import { z } from 'zod';
import { normalizations } from './normalizations.js';

const count = z.int().min(1);
const shape = z.array(z.int().min(0)).max(8);

/** A tensor as it is recorded: of all its elements the mean and the L2 norm, and the `values` at row-major places `at`. */
const recordedTensor = z
  .object({
    shape,
    mean: z.number(),
    norm: z.number().min(0),
    at: z.array(z.int().min(0)),
    values: z.array(z.number()),
  })
  .refine(({ at, values }) => at.length === values.length, 'as many values as places are needed')
  .refine(({ shape, at }) => at.every((place) => place < elementCount(shape)), 'a place lies outside of the shape');

const recordedTensors = z.record(z.string(), recordedTensor);

/** What describes a network and its images; sizes are limited so that a damaged file cannot ask for all memory. */
const network = z.object({
  network: z.string(),
  classes: count.max(100_000),
  size: count.max(2048),
  batch: count.max(64),
  images: z.array(z.string()),
  /** What images are normalized by; where it is not said, as the backbone does it. */
  preprocessing: z.enum(Object.keys(normalizations) as (keyof typeof normalizations)[]).optional(),
});

const forward = network.extend({
  kind: z.literal('forward'),
  variables: z.array(z.tuple([z.string(), shape, z.boolean()])),
  parameters: count,
  logits: recordedTensor,
  argmax: z.array(z.int()),
  end_points: recordedTensors,
});

const training = network.extend({
  kind: z.literal('training'),
  optimizer: z.string(),
  learning_rate: z.number(),
  weight_decay: z.number().min(0),
  steps: count.max(1000),
  dropout_keep_prob: z.number().gt(0).max(1),
  /** What the losses of auxiliary outputs are multiplied with; 0 where they take no part. */
  auxiliary_weight: z.number().min(0).default(0),
  labels: z.array(z.int().min(0)),
  trainable_scopes: z.array(z.string()).nullable(),
  losses: z.object({ values: z.array(z.tuple([z.number(), z.number()])) }),
  gradients_of_total_loss: recordedTensors,
  variables_after: recordedTensors,
});

const side = count.max(2048);

const segmentation = z.object({
  kind: z.literal('segmentation'),
  network: z.string(),
  /** The backbone's name, and after it what it is without its classifier. */
  backbone: z.string().transform((text) => text.split(' ')[0]!),
  classes: count.max(255),
  height: side,
  width: side,
  batch: count.max(64),
  images: z.array(z.string()),
  loss: z.number(),
  logits: recordedTensor,
  predicted_histogram: z.array(z.int().min(0)),
  gradients: recordedTensors,
});

const preprocessed = recordedTensor.and(z.object({ size: count.max(4096) }));

const preprocessing = z.object({
  kind: z.literal('preprocessing'),
  cases: z.array(
    z.object({
      picture: z.string().regex(/^smooth_picture\('[^']+', \d{1,4}, \d{1,4}\)$/),
      vgg_eval: preprocessed,
      inception_eval: preprocessed,
    }),
  ),
});

const oracle = z
  .discriminatedUnion('kind', [forward, training, segmentation, preprocessing])
  .refine(
    (read) => read.kind === 'preprocessing' || read.images.length === read.batch,
    'images: as many as batch are needed',
  )
  .refine(
    (read) => read.kind !== 'training' || read.labels.length === read.batch,
    'labels: as many as batch are needed',
  )
  .refine(
    (read) => read.kind !== 'training' || read.losses.values.length === read.steps + 1,
    'losses: one more than steps are needed',
  );

export type RecordedTensor = z.infer<typeof recordedTensor>;
export type ForwardOracle = z.infer<typeof forward>;
export type TrainingOracle = z.infer<typeof training>;
export type SegmentationOracle = z.infer<typeof segmentation>;
export type PreprocessingOracle = z.infer<typeof preprocessing>;
/** What TensorFlow computed, as a file of `oracles/` holds it. */
export type Oracle = z.infer<typeof oracle>;

/** What a file is, by a part that only its kind has. */
function kindOf(content: object, path: string): Oracle['kind'] {
  if ('end_points' in content) return 'forward';
  if ('losses' in content) return 'training';
  if ('cases' in content) return 'preprocessing';
  if ('backbone' in content) return 'segmentation';
  throw new DataError(
    'data/not-an-oracle',
    `${path} is no oracle file: it has none of 'end_points' (a network in use), 'losses' (training), 'backbone' (segmentation) and ' +
      "'cases' (preprocessing)."`,
    { details: { path } },
  );
}

/**
 * Reads an oracle file.
 * @throws DataError `data/not-an-oracle` for a file of another kind or with parts missing or wrong, all of them named
 */
export async function readOracle(path: string): Promise<Oracle> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new DataError('data/not-an-oracle', `${path} is not JSON: ${cause.message}`, { cause, details: { path } });
  }
  if (typeof content !== 'object' || content === null) {
    throw new DataError('data/not-an-oracle', `${path} is no oracle file: it holds no object.`, { details: { path } });
  }
  const read = oracle.safeParse({ ...content, kind: kindOf(content, path) });
  if (read.success) return read.data;
  throw new DataError('data/not-an-oracle', `${path} is damaged:\n${z.prettifyError(read.error)}`, {
    cause: read.error,
    details: { path },
  });
}
