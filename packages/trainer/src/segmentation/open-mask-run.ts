import type { Container, Image } from '@graftjs/core';
import { type OpenRunOptions, restoreRun, type TrainedRun, withSameClasses } from '../open-run.js';
import { type MaskedData, openMaskedData } from '../run-data.js';
import { buildGraph } from '../run-model.js';
import type { SegmentationScores } from '../segmentation-metrics.js';
import { type EvaluateMasksOptions, evaluateMasks } from './evaluate-masks.js';
import { segmentImage } from './segment-image.js';
import { SizedNetwork } from './sized-network.js';
import { trainedSize } from './trained-size.js';
import { checkViews, type ViewOptions } from './view-options.js';

/** How a split is evaluated by what a run has trained. */
export type EvaluateRunMasksOptions = ViewOptions & Pick<EvaluateMasksOptions, 'onImage' | 'onProgress' | 'signal'>;

/** A trained network that tells the class of each pixel, ready for images of any size. */
export interface OpenMaskRun extends TrainedRun {
  /** The network at the sizes of images. */
  readonly network: SizedNetwork;
  /**
   * The class of each pixel of an image, row by row; see `segmentImage`.
   * @throws UsageError `usage/views`; RunError `run/not-finite`
   */
  segment(image: Image, views?: ViewOptions): Promise<Uint8Array>;
  /**
   * Evaluates on a split of the data set; see `evaluateMasks`.
   * @throws UsageError `usage/views`; what `evaluateMasks` throws
   */
  evaluate(split: MaskedData['splits'][string], options?: EvaluateRunMasksOptions): Promise<SegmentationScores>;
  /** The data set that it was trained on, with its seed and limits; the caller closes it. */
  openDataset(): Promise<MaskedData>;
}

/**
 * Opens a run that tells the class of each pixel, as `openRun` does one that tells that of an image.
 * @throws as `openRun`
 */
export async function openMaskRun(folder: string, container: Container, options: OpenRunOptions): Promise<OpenMaskRun> {
  const { run, session, engine, where, restore } = await restoreRun('masks', folder, container, options);
  const { config, graph, classes } = run;
  const [height, width] = graph.input.shape as [number, number, number];
  const network = new SizedNetwork(
    {
      build: (size) => buildGraph(config, container, [size.height, size.width]),
      open: (sized) => engine.open(sized, where),
      restore,
    },
    { session, height, width },
  );
  const looking = { network, classes: classes.length, sizeOf: trainedSize(config.augment, height) };
  return {
    ...run,
    network,
    async segment(image, views = {}) {
      checkViews(views);
      return segmentImage(image, { ...looking, ...views });
    },
    async evaluate(split, evaluating = {}) {
      checkViews(evaluating);
      return evaluateMasks(split, classes, { ...looking, ...evaluating });
    },
    openDataset: async () => withSameClasses(run, await openMaskedData(config.dataset, container)),
    close: () => network.close(),
  };
}
