import { elementCount, type Initializer, type Random, type Shape, type Variable } from '@graftjs/core';
import { createRandom } from './random.js';
import { stream } from './streams.js';

/** Inputs and outputs of one unit, as TensorFlow counts them: the last two axes times the window's size. */
function fans(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  const window = elementCount(shape.slice(0, -2));
  const outputs = shape.at(-1) ?? 1;
  return { fanIn: window * (shape.at(-2) ?? outputs), fanOut: window * outputs };
}

/** Fills with a normal distribution; what lies beyond two deviations is drawn again (Marsaglia's polar method). */
function fillTruncatedNormal(values: Float32Array, deviation: number, random: Random): void {
  for (let i = 0; i < values.length; ) {
    const x = 2 * random.uniform() - 1;
    const y = 2 * random.uniform() - 1;
    const square = x * x + y * y;
    if (square >= 1 || square === 0) continue;
    const scale = Math.sqrt((-2 * Math.log(square)) / square);
    if (Math.abs(x * scale) <= 2) values[i++] = x * scale * deviation;
    if (Math.abs(y * scale) <= 2 && i < values.length) values[i++] = y * scale * deviation;
  }
}

function fillUniform(values: Float32Array, range: number, random: Random): void {
  for (let i = 0; i < values.length; i++) values[i] = (2 * random.uniform() - 1) * range;
}

/** Of `[k, k, channels, channels]`, as Long, Shelhamer and Darrell (2015): zero wherever two channels would mix. */
function fillBilinear(values: Float32Array, [height, width, outputs, inputs]: Shape): void {
  const along = (size: number, place: number) => {
    const factor = Math.ceil(size / 2);
    return 1 - Math.abs(place - (size % 2 === 1 ? factor - 1 : factor - 0.5)) / factor;
  };
  for (let y = 0; y < height!; y++) {
    for (let x = 0; x < width!; x++) {
      const value = along(height!, y) * along(width!, x);
      for (let channel = 0; channel < Math.min(outputs!, inputs!); channel++)
        values[((y * width! + x) * outputs! + channel) * inputs! + channel] = value;
    }
  }
}

function fill(values: Float32Array, initializer: Initializer, shape: Shape, random: Random): void {
  const { fanIn, fanOut } = fans(shape);
  switch (initializer.kind) {
    case 'constant':
      values.fill(initializer.value);
      return;
    case 'xavier-uniform':
      fillUniform(values, Math.sqrt(6 / (fanIn + fanOut)), random);
      return;
    case 'he-normal':
      fillTruncatedNormal(values, Math.sqrt(2 / fanIn), random);
      return;
    case 'truncated-normal':
      fillTruncatedNormal(values, initializer.deviation, random);
      return;
    case 'bilinear':
      fillBilinear(values, shape);
  }
}

/**
 * The values that a variable starts with when no checkpoint gives them. They depend on the seed and the variable's name,
 * shape and initializer alone: the other variables may change, or be restored, without a difference to this one.
 */
export function initialValue({ name, shape, initializer }: Variable, seed: number): Float32Array {
  const values = new Float32Array(elementCount(shape));
  fill(values, initializer, shape, createRandom(seed, stream.initialValue, ...new TextEncoder().encode(name)));
  return values;
}
