import type { ExportTask } from './export-task.js';
import { type RunScores, scoresOf } from './run-task.js';

/** What an exported file is to say of itself, besides what every run has. */
export interface ExportFacts {
  readonly precision: string;
  /** Of the file on `test`, where they are known. */
  readonly scores?: RunScores;
  /** Of the network as it was trained, where the file has its numbers rounded. */
  readonly original?: RunScores;
  readonly licence?: string;
}

/** How an image becomes what the network takes, for programs. */
function describePreprocessing({ graph, preprocessing }: ExportTask): Record<string, unknown> {
  const { name, steps } = preprocessing;
  const [height, width, channels] = graph.input.shape;
  return {
    name,
    height,
    width,
    channels: channels === 3 ? 'RGB' : channels,
    values: 'bytes, 0 to 255, as they come out of resizing; whatever else is done to them is part of the network',
    ...(steps && { steps, resizing: 'bilinear, without averaging, from the top left pixel on' }),
  };
}

/** The metadata of a file: names, and texts; those of several parts are JSON. */
export function exportMetadata(task: ExportTask, facts: ExportFacts): Map<string, string> {
  const { config, classes, step } = task.run;
  const { precision, scores, original, licence } = facts;
  const entries: [name: string, value: unknown][] = [
    ['model', task.graph.name],
    ['labels', classes],
    ['preprocessing', describePreprocessing(task)],
    ['precision', precision],
    ['training', { dataset: config.dataset.name, step }],
    ['metrics', scores && { split: 'test', ...scoresOf(scores) }],
    ['original_metrics', original && { split: 'test', ...scoresOf(original) }],
    ['licence', licence],
  ];
  const given = entries.filter(([, value]) => value !== undefined);
  return new Map(given.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]));
}
