import {
  type Container,
  DOWNLOAD,
  EXPORTER,
  ExportError,
  type Exporter,
  type ExportPrecision,
  type FileSystem,
  pick,
  registry,
  type Split,
  UsageError,
  type ValueRange,
} from '@graftjs/core';
import { limitSplit } from './batches.js';
import { calibrate } from './calibrate.js';
import { checkExported, classifierOf } from './check-exported.js';
import type { Difference } from './compare-predictions.js';
import { withDraftFolder, writingTo } from './draft-folder.js';
import { evaluate } from './evaluate.js';
import { type ExportFacts, exportMetadata } from './export-metadata.js';
import { type ExportStage, predictAll, type StageOptions, stageOptions } from './export-stages.js';
import type { Scores } from './metrics.js';
import { type OpenRun, type OpenRunOptions, openRun } from './open-run.js';
import type { RunDataset } from './run-parts.js';

/** Pictures of `test` that every file is compared on. */
const comparedPictures = 64;

/** Pictures of `train` that show what range the values have. */
const calibrationPictures = 128;

/** What is exported, and where to. */
export interface ExportRunOptions extends OpenRunOptions, StageOptions {
  /** The file; it is replaced where it is there. Its ending says what kind it is: `.onnx`. */
  readonly out: string;
  /** One of the exporter's. Default: its first. */
  readonly precision?: string;
  /** What users of the file may do, in few words; the file tells it. Default: what is published of the checkpoint that it began from. */
  readonly licence?: string;
}

/** What was exported. */
export interface ExportResult {
  /** All that was written, the file itself last. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly precision: string;
  /** The step that the weights are of. */
  readonly step: number;
  /** How many pictures the file was compared on, and how far it is from the network at most; see `Difference`. */
  readonly compared: number;
  readonly difference: number;
  /** Of the file on `test`: measured where numbers are rounded, else as the run has it, if it has evaluated these weights. */
  readonly scores?: Scores;
  /** Of the network as it was trained, where numbers are rounded. */
  readonly original?: Scores;
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
function publishedLicence({ config }: OpenRun, container: Container): string | undefined {
  return registry(container, DOWNLOAD).get(config.checkpoint?.pretrained ?? '')?.licence;
}

/** What is to be known of the network before the file is written; then its session is not needed any more. */
interface Reference {
  /** Of the pictures that are compared. */
  readonly logits: Float32Array;
  readonly ranges?: ReadonlyMap<string, ValueRange>;
  readonly original?: Scores;
}

async function takeReference(
  run: OpenRun,
  data: RunDataset,
  compared: Split,
  precision: ExportPrecision,
  options: ExportRunOptions,
): Promise<Reference> {
  const { session, graph, classes } = run;
  const stage = (name: ExportStage) => stageOptions(run, options, name);
  const logitsOf = async (inputs: Uint8Array, count: number) =>
    (await session.predict(inputs, count)).get(graph.output)!;
  const logits = await predictAll(graph, logitsOf, compared, classes.length, stage('running the network'));
  const nodes = precision.ranged?.(graph);
  if (!nodes) return { logits };
  const { train, test } = data.splits;
  const calibration = limitSplit(train, calibrationPictures, run.config.seed);
  const ranges = await calibrate(session, nodes, calibration, stage('finding ranges'));
  return { logits, ranges, original: await evaluate(session, test, classes, stage('evaluating')) };
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
  run: OpenRun,
  data: RunDataset,
  exporter: Exporter,
  precision: ExportPrecision,
  options: ExportRunOptions,
): Promise<ExportResult> {
  const { files, out, licence } = options;
  const { graph, classes, step } = run;
  const compared = limitSplit(data.splits.test, comparedPictures, run.config.seed);
  const { logits, ranges, original } = await takeReference(run, data, compared, precision, options);
  // From here on the weights are read from the disk, so that they are not in memory twice.
  await run.close();
  const path = `${draft}/${out.replace(/^.*[/\\]/, '')}`;
  const description = `${graph.name} for ${classes.length} classes of ${run.config.dataset.name}, as ${precision.name}, written by Graft`;
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
  let difference: Difference;
  let scores: Scores | undefined = run.scores;
  try {
    difference = await checkExported(run, file, precision, compared, logits, out, options);
    if (original) {
      const stage = stageOptions(run, options, 'evaluating the file');
      scores = await evaluate(classifierOf(graph, file), data.splits.test, classes, stage);
    }
  } finally {
    await file.close();
  }
  const known = { ...(scores && { scores }), ...(original && { original }) };
  options.signal?.throwIfAborted();
  const facts: ExportFacts = { precision: precision.name, ...known, ...(licence !== undefined && { licence }) };
  await writingTo(out, () => exporter.annotate(path, exportMetadata(run, facts), files));
  return {
    files: await putInPlace(draft, names, out, files),
    precision: precision.name,
    step,
    compared: compared.labels.length,
    difference: difference.share,
    ...known,
  };
}

/**
 * Writes what a run has trained, with its moving averages where it keeps them, as a file for other programs: pictures in,
 * probabilities of the classes out. The file is run on pictures of the run's `test` and compared with the network before it
 * is put in place; what was there stays until then, and stays for good where anything fails. The run is only read. Where the
 * precision rounds numbers, ranges of values come from pictures of `train`, and network and file are evaluated on all of `test`.
 * @throws UsageError `usage/out`, `usage/unknown-name`; ExportError `export/differs`, `export/cannot-write`,
 * `export/aborted`, and what the exporter throws; what `openRun` and `openDataset` throw
 */
export async function exportRun(
  folder: string,
  container: Container,
  options: ExportRunOptions,
): Promise<ExportResult> {
  const { files, out } = options;
  const exporter = findExporter(out, container);
  const precision = precisionOf(exporter, options.precision);
  if ((await files.stat(out))?.kind === 'folder') {
    throw new UsageError('usage/out', `${out} is a folder. Give the file another name.`, {
      details: { received: out },
    });
  }
  try {
    const run = await openRun(folder, container, options);
    const licence = options.licence ?? publishedLicence(run, container);
    const told = { ...options, ...(licence !== undefined && { licence }) };
    try {
      const data = await run.openDataset();
      try {
        return await withDraftFolder(out, files, (draft) => exportTo(draft, run, data, exporter, precision, told));
      } finally {
        await data.close();
      }
    } finally {
      await run.close();
    }
  } catch (error) {
    throw checkStopped(options, error);
  }
}
