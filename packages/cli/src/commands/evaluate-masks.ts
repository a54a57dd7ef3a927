import { type Container, type MaskSplit, pick } from '@graftjs/core';
import { nodeFileSystem } from '@graftjs/core/node';
import { createSheet, type Ranked, type SheetRow, WorstAndBest } from '@graftjs/report';
import { openMaskRun, type SegmentationScores, type SegmentedImage, type ViewOptions } from '@graftjs/trainer';
import type { EngineOptions } from '../device-options.js';
import { openRunOptions } from '../open-run-options.js';
import { formatTable, print } from '../print.js';
import type { Progress } from '../progress.js';
import { formatKnown, formatScores, formatShare } from '../run-progress.js';
import { viewsOf } from '../view-options.js';

/** Images on a sheet: so many of the worst, and of the best. */
const shown = 4;

/** How well a run does on a split, and where its worst and best images can be seen. */
export interface MaskEvaluation extends SegmentationScores {
  readonly split: string;
  /** An image; absent where it could not be written. */
  readonly sheet?: string;
}

/** The worst and the best images, each once. */
function sheetRows(ranked: WorstAndBest<SegmentedImage>, split: MaskSplit): SheetRow[] {
  const worst = ranked.worst.map(({ value }) => value.index);
  const best = ranked.best.filter(({ value }) => !worst.includes(value.index));
  const rowOf =
    (rank: string) =>
    ({ score, value }: Ranked<SegmentedImage>): SheetRow => ({
      title: `${rank}: ${split.id(value.index).replace(/^.*[/\\]/, '')}, mean IoU ${formatShare(score)}`,
      image: value.image,
      truth: value.image.mask,
      prediction: value.prediction,
    });
  return [...ranked.worst.map(rowOf('worst')), ...best.map(rowOf('best'))];
}

/** Evaluates a run that tells the class of each pixel, and draws a sheet of its worst and best images. */
export async function evaluateMaskRun(
  folder: string,
  options: ViewOptions & EngineOptions & { readonly split?: string; readonly sheet?: string },
  container: Container,
  progress: Progress,
): Promise<MaskEvaluation> {
  const { split: name = 'test' } = options;
  const run = await openMaskRun(folder, container, openRunOptions(options, progress));
  try {
    const { splits, close } = await run.openDataset();
    try {
      const split = pick<MaskSplit>('split of the data set', name, { ...splits });
      const ranked = new WorstAndBest<SegmentedImage>(shown);
      const scores = await run.evaluate(split, {
        ...viewsOf(options),
        onImage: (segmented) => ranked.add(segmented.scores.meanIou ?? 0, segmented),
        onProgress: (done, count) => progress.update('evaluating', done, count),
      });
      const { sheet = `${run.folder}/sheet-${name}.png` } = options;
      try {
        await nodeFileSystem.write(sheet, [await createSheet(sheetRows(ranked, split), run.classes)]);
        return { split: name, ...scores, sheet };
      } catch (error) {
        // The evaluation may have taken hours.
        progress.line(`The sheet of images cannot be written to ${sheet}: ${(error as Error).message}`);
        process.exitCode = 1;
        return { split: name, ...scores };
      }
    } finally {
      await close();
    }
  } finally {
    await run.close();
  }
}

export function printMaskEvaluation({ split, sheet, ...scores }: MaskEvaluation): void {
  const rows = scores.perClass.map(({ name, pixels, accuracy }, index) => [
    `${index}`,
    name,
    `${pixels}`,
    formatKnown(accuracy),
    formatKnown(scores.iou[index]!),
  ]);
  print(`${split}: ${formatScores(scores)}`, '');
  print(formatTable(['>', 'class', '>pixels', '>recognised', '>IoU'], rows));
  if (sheet !== undefined) print('', `The worst and the best images: ${sheet}`);
}
