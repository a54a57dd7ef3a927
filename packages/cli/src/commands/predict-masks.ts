import { posix } from 'node:path';
import { type Container, GraftError, type ImageReader } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { encodeImage, encodeMask, overlayMask } from '@graftjs/report';
import { openMaskRun, type ViewOptions } from '@graftjs/trainer';
import { describeError } from '../describe-error.js';
import type { EngineOptions } from '../device-options.js';
import { openRunOptions } from '../open-run-options.js';
import { print } from '../print.js';
import { Progress } from '../progress.js';
import { formatShare } from '../run-progress.js';
import { viewsOf } from '../view-options.js';

/** What was found in an image, or why it could not be read. */
export type PredictedMask =
  | {
      readonly file: string;
      /** PNGs: of palette indices, and of the image below their colours. */
      readonly mask: string;
      readonly overlay: string;
      /** Those that are there, the largest first, and their shares of the pixels. */
      readonly classes: readonly { readonly name: string; readonly index: number; readonly share: number }[];
    }
  | { readonly file: string; readonly error: string };

const overlayOf = (name: string): string => `${name}-overlay`;

/** Names for the images of files: theirs, and with a number where another one has that already. */
function freeNames(files: readonly string[]): string[] {
  const taken = new Set<string>();
  return files.map((file) => {
    const base = posix.parse(file.replaceAll('\\', '/')).name;
    let name = base;
    for (let count = 2; [name, overlayOf(name)].some((one) => taken.has(one)); count++) name = `${base}-${count}`;
    taken.add(name).add(overlayOf(name));
    return name;
  });
}

function classesOf(mask: Uint8Array, names: readonly string[]) {
  const counts = new Float64Array(names.length);
  for (const label of mask) counts[label]! += 1;
  return names
    .map((name, index) => ({ name, index, share: counts[index]! / mask.length }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share);
}

/** Writes the masks of images and what they look like over these; an image that cannot be read is told, and the others go on. */
export async function predictMasks(
  folder: string,
  files: readonly string[],
  reader: ImageReader,
  options: ViewOptions & EngineOptions & { readonly out?: string; readonly json?: true },
  container: Container,
): Promise<PredictedMask[]> {
  const { json } = options;
  const run = await openMaskRun(folder, container, openRunOptions(options, new Progress()));
  const results: PredictedMask[] = [];
  try {
    const { out = `${run.folder}/predictions` } = options;
    await nodeFileSystem.makeFolder(out);
    const names = freeNames(files);
    for (const [index, file] of files.entries()) {
      try {
        const image = await reader.read(file);
        const prediction = await run.segment(image, viewsOf(options));
        const [mask, overlay] = [`${out}/${names[index]}.png`, `${out}/${overlayOf(names[index]!)}.png`];
        await nodeFileSystem.write(mask, [encodeMask(prediction, image.height, image.width)]);
        await nodeFileSystem.write(overlay, [await encodeImage(overlayMask(image, prediction))]);
        const classes = classesOf(prediction, run.classes);
        results.push({ file, mask, overlay, classes });
        const shares = classes.map(({ name, share }) => `${name} ${formatShare(share)}`);
        if (!json) print(`${file}: ${shares.join(', ')}; ${mask}, ${overlay}`);
      } catch (error) {
        if (!GraftError.isInstance(error) || !error.code.startsWith('data/')) throw error;
        process.stderr.write(`${describeError(error)}\n`);
        process.exitCode = 1;
        results.push({ file, error: error.message });
      }
    }
  } finally {
    await run.close();
  }
  return results;
}
