import {
  type Container,
  DOWNLOAD,
  EXPORTER,
  ExportError,
  type Exporter,
  type ExportPrecision,
  type FileSystem,
  type PairOption,
  pair,
  pick,
  registry,
  UsageError,
  type ValueRange,
} from '@graftjs/core';
import { calibrate } from './calibrate.js';
import { checkExported } from './check-exported.js';
import { imageSize } from './check-inputs.js';
import { closingAll } from './closing-all.js';
import { withDraftFolder, writingTo } from './draft-folder.js';
import { type ExportFacts, exportMetadata } from './export-metadata.js';
import { type ExportStage, predictAll, type StageOptions, watchingOf } from './export-stages.js';
import { classifierExport, type ExportDifference, type ExportTask } from './export-task.js';
import type { Scores } from './metrics.js';
import { type OpenRunOptions, openRun, runTarget, type TrainedRun } from './open-run.js';
import { type RunScores, scoresOf } from './run-task.js';
import { openMaskRun } from './segmentation/open-mask-run.js';
import { segmenterExport } from './segmentation/segmenter-export.js';

/** What is exported, and where to. */
export interface ExportRunOptions extends OpenRunOptions, StageOptions {
  /** The file; it is replaced where it is there. Its ending says what kind it is: `.onnx`. */
  readonly out: string;
  /** Height and width in pixels of the images that the file takes, where the network tells the class of each pixel. Default: the run's. */
  readonly size?: PairOption;
  /** One of the exporter's. Default: its first. */
  readonly precision?: string;
  /** What users of the file may do, in few words; the file tells it. Default: what is published of the checkpoint that it began from. */
  readonly licence?: string;
}

/** What was exported. */
export interface ExportResult<M extends RunScores = Scores> {
  /** All that was written, the file itself last. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly precision: string;
  /** The step that the weights are of. */
  readonly step: number;
  /** How many images the file was compared on, and how far it is from the network at most; see `Difference`, `MaskDifference`. */
  readonly compared: number;
  readonly difference: number;
  /** Of the file on `test`: measured where numbers are rounded, else as the run has it, if it has evaluated these weights. */
  readonly scores?: M;
  /** Of the network as it was trained, where numbers are rounded. */
  readonly original?: M;
}

function findExporter(out: string, container: Container): Exporter {
  const known = [...registry(container, EXPORTER).values()];
  const found = known.find(({ ending }) => out.endsWith(ending));
  if (found) return found;
  const accepted = known.map(({ ending, description }) => `*${ending} (${description})`);
  throw new UsageError(
    'usage/out',
    known.length === 0
      ? 'No installed plugin exports. Install one: npm install @graftjs/ckpt-onnx'
      : `The ending of ${out} says nothing of what it is to be. Accepted: ${accepted.join('; ')}.`,
    { details: { received: out, accepted: known.map(({ ending }) => ending) } },
  );
}

function precisionOf({ precisions }: Exporter, name: string | undefined): ExportPrecision {
  if (name === undefined) return precisions[0]!;
  return pick('precision', name, Object.fromEntries(precisions.map((precision) => [precision.name, precision])));
}

/** That of the published checkpoint that a run began from; undefined where it began from none, or from a file of its own. */
function publishedLicence({ config }: TrainedRun, container: Container): string | undefined {
  return registry(container, DOWNLOAD).get(config.checkpoint?.pretrained ?? '')?.licence;
}

/** What is to be known of the network before the file is written; then its session is not needed any more. */
interface Reference {
  /** Of the images that are compared, batch by batch. */
  readonly logits: readonly Float32Array[];
  readonly ranges?: ReadonlyMap<string, ValueRange>;
  readonly original?: RunScores;
}

async function takeReference(task: ExportTask, precision: ExportPrecision, options: StageOptions): Promise<Reference> {
  const { session, graph, compared, calibration, run } = task;
  const { batchSize } = run.config;
  const watching = (stage: ExportStage) => watchingOf(options, stage);
  const logitsOf = async (inputs: Uint8Array, count: number) =>
    (await session.predict(inputs, count)).get(graph.output)!;
  const logits = await predictAll(logitsOf, compared, batchSize, watching('running the network'));
  const nodes = precision.ranged?.(graph);
  if (!nodes) return { logits };
  const ranges = await calibrate(session, nodes, calibration, batchSize, watching('finding ranges'));
  return { logits, ranges, original: scoresOf(await task.evaluateNetwork(watching('evaluating'))) };
}

/** What the user has stopped is a coded error like any other. */
function checkStopped({ signal, out }: ExportRunOptions, error: unknown): unknown {
  if (!signal?.aborted) return error;
  return new ExportError('export/aborted', `Stopped: nothing was written to ${out}.`, { cause: error });
}

/** Puts what was written in place; the file itself comes last. */
async function putInPlace(
  draft: string,
  names: readonly string[],
  out: string,
  files: FileSystem,
): Promise<ExportResult['files']> {
  const folder = out.replace(/[^/\\]*$/, '');
  const placed: { path: string; bytes: number }[] = [];
  for (const name of names) {
    const { size } = (await files.stat(`${draft}/${name}`))!;
    await writingTo(out, () => files.move(`${draft}/${name}`, folder + name));
    placed.push({ path: folder + name, bytes: size });
  }
  return placed;
}

/** Writes the file into the draft's folder, tries it, and puts it in place. */
async function exportTo(
  draft: string,
  task: ExportTask,
  exporter: Exporter,
  precision: ExportPrecision,
  options: ExportRunOptions,
): Promise<ExportResult<RunScores>> {
  const { files, out, licence } = options;
  const { graph, run, compared } = task;
  const { logits, ranges, original } = await takeReference(task, precision, options);
  // From here on the weights are read from the disk, so that they are not in memory twice.
  await run.close();
  const path = `${draft}/${out.replace(/^.*[/\\]/, '')}`;
  const description = `${graph.name} for ${run.classes.length} classes of ${run.config.dataset.name}, as ${precision.name}, written by Graft`;
  const variables = await run.openVariables();
  let names: readonly string[];
  try {
    const { read } = variables;
    const written = { precision: precision.name, description, ...(ranges && { ranges }) };
    names = await writingTo(out, () => exporter.write(path, { graph, read }, written, files));
  } finally {
    await variables.close();
  }
  options.signal?.throwIfAborted();
  const file = await exporter.open(path);
  let difference: ExportDifference;
  let scores: RunScores | undefined = run.scores && scoresOf(run.scores);
  try {
    difference = await checkExported(task, file, precision, logits, out, options);
    if (original) scores = scoresOf(await task.evaluateFile(file, watchingOf(options, 'evaluating the file')));
  } finally {
    await file.close();
  }
  const known = { ...(scores && { scores }), ...(original && { original }) };
  options.signal?.throwIfAborted();
  const facts: ExportFacts = { precision: precision.name, ...known, ...(licence !== undefined && { licence }) };
  await writingTo(out, () => exporter.annotate(path, exportMetadata(task, facts), files));
  return {
    files: await putInPlace(draft, names, out, files),
    precision: precision.name,
    step: run.step,
    compared: compared.count,
    difference: difference.share,
    ...known,
  };
}

/** Does some work with what a run has trained and its data. */
async function withTask<T>(
  folder: string,
  container: Container,
  options: ExportRunOptions,
  work: (task: ExportTask) => Promise<T>,
): Promise<T> {
  const { workers, size } = options;
  return closingAll(async (closing) => {
    if ((await runTarget(folder, container, options)) === 'masks') {
      const run = await openMaskRun(folder, container, options);
      closing.push(() => run.close());
      const data = await run.openDataset();
      closing.push(() => data.close());
      const [height, width] = pair(size ?? imageSize(run.graph));
      return work(await segmenterExport(run, data, { height, width }));
    }
    if (size !== undefined) {
      throw new UsageError(
        'usage/size',
        "A size is for networks that tell the class of each pixel; of others the file takes images of the run's own size.",
      );
    }
    const run = await openRun(folder, container, options);
    closing.push(() => run.close());
    const data = await run.openDataset();
    closing.push(() => data.close());
    return work(classifierExport(run, data, workers));
  });
}

/**
 * Writes what a run has trained, with its moving averages where it keeps them, as a file for other programs: images in,
 * probabilities of the classes out, or the class of each pixel. The file is run on images of the run's `test` and compared with the network before it
 * is put in place; what was there stays until then, and stays for good where anything fails. The run is only read. Where the
 * precision rounds numbers, ranges of values come from images of `train`, and network and file are evaluated on all of `test`.
 * @typeParam M what the network is measured by: `MaskScores` for one that tells the class of each pixel
 * @throws UsageError `usage/out`, `usage/unknown-name`; ExportError `export/differs`, `export/cannot-write`,
 * `export/aborted`, and what the exporter throws; what `openRun` and `openDataset` throw
 */
export async function exportRun<M extends RunScores = Scores>(
  folder: string,
  container: Container,
  options: ExportRunOptions,
): Promise<ExportResult<M>> {
  const { files, out } = options;
  const exporter = findExporter(out, container);
  const precision = precisionOf(exporter, options.precision);
  if ((await files.stat(out))?.kind === 'folder') {
    throw new UsageError('usage/out', `${out} is a folder. Give the file another name.`, {
      details: { received: out },
    });
  }
  try {
    const result = await withTask(folder, container, options, (task) => {
      const licence = options.licence ?? publishedLicence(task.run, container);
      const told = { ...options, ...(licence !== undefined && { licence }) };
      return withDraftFolder(out, files, (draft) => exportTo(draft, task, exporter, precision, told));
    });
    return result as ExportResult<M>;
  } catch (error) {
    throw checkStopped(options, error);
  }
}
