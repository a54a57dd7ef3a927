import { CheckpointError, type ForeignInput } from '@graftjs/core';
import { uint8Number } from '../element-types.js';
import type { OnnxFile } from '../onnx-file.js';
import type { FileLayer, FileStep } from './file-network.js';

type Triple = readonly [number, number, number];

/** As constants have it who have been float32. */
const rounded = (value: number): number => Number(value.toPrecision(7));

/** What the input's operations come to, a channel each; undefined where that is not known. */
function affineOf({ operations }: FileLayer): { factors: number[]; addends: number[] } | undefined {
  const [factors, addends] = [
    [1, 1, 1],
    [0, 0, 0],
  ];
  for (const operation of operations) {
    if (operation.kind === 'normalization') return undefined;
    const { numbers } = operation.constant.tensor;
    if (numbers?.length !== 1 && numbers?.length !== 3) return undefined;
    for (const channel of [0, 1, 2]) {
      const value = numbers[channel % numbers.length]!;
      if (operation.kind === 'addend') addends[channel]! += value;
      else if (operation.kind === 'subtrahend') addends[channel]! -= value;
      else {
        const factor = operation.kind === 'factor' ? value : 1 / value;
        factors[channel]! *= factor;
        addends[channel]! *= factor;
      }
    }
  }
  return { factors, addends };
}

/** What torchvision's Inception does to images that are normalized for ImageNet: then they are as its weights came from. */
const transformInput = { factors: [0.458, 0.448, 0.45], addends: [-0.03, -0.088, -0.188] };

const isNear = (values: readonly number[], others: readonly number[]): boolean =>
  values.every((value, index) => Math.abs(value - others[index]!) < 1e-5);

/**
 * What a file's network does to its images before the first layer.
 * @param first the first layer
 * @returns undefined where it does nothing, and does not take bytes
 * @throws CheckpointError `checkpoint/unknown-preprocessing`
 */
export function inputOf(file: OnnxFile, input: FileStep, first: FileStep | undefined): ForeignInput | undefined {
  const { layer, name } = input;
  const isBytes = file.inputs.find((one) => one.name === name)?.type === uint8Number;
  if (!layer || (layer.operations.length === 0 && !isBytes)) return undefined;
  const affine = affineOf(layer);
  const channelAxis = first?.layer?.weights?.axes?.[1];
  const isKnown = layer.channelAxis === '' || layer.channelAxis === String(channelAxis);
  if (!affine || !isKnown || affine.factors.includes(0)) {
    throw new CheckpointError(
      'checkpoint/unknown-preprocessing',
      `The network does something to its input '${name}' that Graft cannot tell: what images are to be normalized by is ` +
        'not known. Export it without its preprocessing.',
      { details: { input: name } },
    );
  }
  if (isNear(affine.factors, transformInput.factors) && isNear(affine.addends, transformInput.addends)) {
    return { channels: 'RGB', mean: [127.5, 127.5, 127.5], deviation: [127.5, 127.5, 127.5] };
  }
  const deviation = affine.factors.map((factor) => 1 / factor);
  const mean = affine.addends.map((addend, channel) => -addend * deviation[channel]!);
  // Floats may be from 0 to 1 just as well: as they are where that is what is subtracted, and divided by.
  const isUnit = !isBytes && [...mean, ...deviation].every((value) => Math.abs(value) <= 1);
  const scaled = (values: readonly number[]) =>
    values.map((value) => rounded(isUnit ? 255 * value : value)) as unknown as Triple;
  return { channels: 'RGB', mean: scaled(mean), deviation: scaled(deviation) };
}
