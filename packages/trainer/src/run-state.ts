import { CheckpointError, type FileSystem } from '@graftjs/core';
import * as z from 'zod';
import { readText } from './read-text.js';
import { hex, sha256 } from './sha256.js';

const count = z.int().min(0);
const modes = z.strictObject({ trainingLoss: z.number(), inferenceLoss: z.number(), part: z.boolean() });
const share = z.number().nullable();
/** See `ModeComparison`: where training normalizes by the batch. */
const comparison = { modes: modes.exactOptional() };
const scores = z.union([
  z.strictObject({ step: count, count, loss: z.number(), top1: z.number(), top5: z.number(), ...comparison }),
  z.strictObject({
    step: count,
    count,
    pixels: count,
    pixelAccuracy: share,
    meanAccuracy: share,
    meanIou: share,
    frequencyWeightedIou: share,
    ...comparison,
  }),
]);

const runState = z.strictObject({
  /** Updates done. */
  step: count,
  /** Epochs begun: 1 during the first. */
  epoch: count,
  /** Of the last step, without weight decay. */
  loss: z.number(),
  /** The last evaluation, and the step that it was made after. */
  evaluation: scores.nullable(),
  /** The evaluation with the largest top1, or mean IoU; the first of equal ones. */
  best: scores.nullable(),
  /** Evaluations since the best. */
  evaluationsSinceBest: count,
  /** Bytes of `metrics.jsonl` that belong to the steps so far. */
  metricsSize: count,
  /** The run's: order, augmentation and dropout of every step follow from it and the step. */
  seed: count,
});

/** Where a run is: kept beside each of its checkpoints, as JSON. */
export type RunState = z.output<typeof runState>;

/** An evaluation's scores and the step that it was made after. */
export type StepScores = z.output<typeof scores>;

const checksum = async (state: unknown): Promise<string> =>
  hex(await sha256(new TextEncoder().encode(JSON.stringify(state))));

/** @throws CheckpointError `checkpoint/state` where the file is not what `writeRunState` wrote, to the last digit */
export async function readRunState(path: string, files: FileSystem): Promise<RunState> {
  try {
    const { sha256: written, ...state } = JSON.parse(await readText(path, files)) as Record<string, unknown>;
    if (written !== (await checksum(state))) throw new RangeError('its checksum (SHA-256) does not match');
    return runState.parse(state);
  } catch (cause) {
    throw new CheckpointError('checkpoint/state', `${path} is not the state of a run: ${(cause as Error).message}`, {
      cause,
      details: { path },
    });
  }
}

/** Writes it with the SHA-256 of its JSON without spaces, since a digit that has changed would be a number like any other. */
export async function writeRunState(path: string, state: RunState, files: FileSystem): Promise<void> {
  const sealed = { ...state, sha256: await checksum(state) };
  await files.write(path, [new TextEncoder().encode(`${JSON.stringify(sealed, null, 2)}\n`)]);
}
