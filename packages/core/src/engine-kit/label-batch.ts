import { voidLabel } from '../dataset.js';
import { elementCount, formatShape, type Shape } from '../dtype.js';
import type { Batch, MaskBatch } from '../engine.js';
import { EngineError } from '../errors.js';

/** The label of each example, or of each pixel, and how much it counts in the loss. */
export interface LabelBatch {
  readonly examples: number;
  readonly labels: Int32Array;
  readonly weights: Float32Array;
}

function ofExamples({ labels, weights }: Batch, classes: number): LabelBatch {
  const wrong = labels.findIndex((label) => !(label >= 0 && label < classes));
  if (wrong >= 0) {
    throw new EngineError(
      'engine/label',
      `Label ${labels[wrong]} (example ${wrong}) is no class: there are ${classes}, from 0 on.`,
    );
  }
  const examples = labels.length;
  if (weights && weights.length !== examples)
    throw new EngineError('engine/batch', `A batch of ${examples} examples came with ${weights.length} weights.`);
  return {
    examples,
    labels: labels.slice(),
    weights: weights?.slice() ?? new Float32Array(examples).fill(1 / examples),
  };
}

function ofPixels({ masks, classWeights }: MaskBatch, [height, width, classes]: Shape): LabelBatch {
  const places = height! * width!;
  if (masks.length % places !== 0) {
    const mask = formatShape([height!, width!]);
    throw new EngineError('engine/batch', `Masks of ${mask} are needed, one an image; ${masks.length} bytes came.`);
  }
  if (classWeights && classWeights.length !== classes)
    throw new EngineError('engine/batch', `There are ${classes} classes, and ${classWeights.length} weights came.`);
  const labels = new Int32Array(masks.length);
  let labelled = 0;
  for (let i = 0; i < masks.length; i++) {
    const label = masks[i]!;
    if (label === voidLabel) continue;
    if (label >= classes!) {
      const place = i % places;
      const where = `row ${Math.floor(place / width!)}, column ${place % width!} of example ${Math.floor(i / places)}`;
      const accepted = `there are ${classes}, from 0 on, and ${voidLabel} for none`;
      throw new EngineError('engine/label', `Label ${label} (${where}) is no class: ${accepted}.`);
    }
    labels[i] = label;
    labelled++;
  }
  // Where no pixel is labelled, no weight is read.
  const byClass = classWeights ?? new Float32Array(classes!).fill(1 / Math.max(labelled, 1));
  const weights = new Float32Array(masks.length);
  for (let i = 0; i < masks.length; i++) if (masks[i] !== voidLabel) weights[i] = byClass[masks[i]!]!;
  return { examples: masks.length / places, labels, weights };
}

/**
 * What a training step is fed, with copies of its own.
 * @param logits `[classes]` for labels of examples, `[height, width, classes]` for masks
 */
export function labelBatch(batch: Batch | MaskBatch, logits: Shape): LabelBatch {
  const [isMasks, wantsMasks] = ['masks' in batch, logits.length === 3];
  if (isMasks !== wantsMasks) {
    const [wanted, received] = wantsMasks ? ['masks', 'labels'] : ['a label each', 'masks'];
    throw new EngineError(
      'engine/batch',
      `A network with logits of ${formatShape(logits)} learns from images with ${wanted}; ${received} came.`,
    );
  }
  const found = 'masks' in batch ? ofPixels(batch, logits) : ofExamples(batch, elementCount(logits));
  if (found.examples === 0)
    throw new EngineError('engine/batch', 'A batch has at least one example; an empty one came.');
  return found;
}
