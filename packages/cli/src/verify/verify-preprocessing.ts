import type { Preprocessing } from '@graftjs/core';
import { smoothImage } from '@graftjs/core/testing';
import { createPreprocessing } from '@graftjs/trainer';
import { measure } from './measurement.js';
import { normalizations } from './normalizations.js';
import type { PreprocessingOracle } from './oracle.js';
import { Checks, tolerances, type Verification } from './verification.js';

/** An image by the name that the file gives it: `smooth_picture('preprocess-a', 300, 400)`. */
function drawImage(call: string): { name: string; height: number; width: number; data: Uint8Array } {
  const [, name, rows, columns] = /'([^']+)', (\d+), (\d+)/.exec(call)!;
  const [height, width] = [Number(rows), Number(columns)];
  return { name: name!, height, width, data: smoothImage(name!, height, width) };
}

/** Preprocesses the file's images for evaluation, as Slim does for VGG and for Inception, and compares the results. */
export function verifyPreprocessing(oracle: PreprocessingOracle): Verification {
  const checks = new Checks();
  for (const { picture: call, vgg_eval, inception_eval } of oracle.cases) {
    const image = drawImage(call);
    for (const [name, recorded] of Object.entries({ vgg: vgg_eval, inception: inception_eval })) {
      const preprocessing: Preprocessing = createPreprocessing([name]);
      const { mean, deviation } = normalizations[name as keyof typeof normalizations];
      const values = preprocessing.evaluate(image, recorded.size);
      for (let i = 0; i < values.length; i++) values[i] = (values[i]! - mean[i % 3]!) / deviation[i % 3]!;
      const tensor = `${name} of ${image.name}`;
      if (!checks.fits(tensor, [recorded.size, recorded.size, 3], recorded.shape)) continue;
      checks.compare(tensor, recorded, measure(values, recorded.at), tolerances.forward);
    }
  }
  return checks.result();
}
