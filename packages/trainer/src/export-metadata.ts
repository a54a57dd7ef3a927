import type { Graph, Preprocessing } from '@graftjs/core';
import type { Scores } from './metrics.js';
import type { OpenRun } from './open-run.js';

/** What an exported file is to say of itself, besides what every run has. */
export interface ExportFacts {
  readonly precision: string;
  /** Of the file on `test`, where they are known. */
  readonly scores?: Scores;
  /** Of the network as it was trained, where the file has its numbers rounded. */
  readonly original?: Scores;
  readonly licence?: string;
}

/** How a picture becomes what the network takes, for programs. */
function describePreprocessing({ input }: Graph, { name, describe }: Preprocessing): Record<string, unknown> {
  const [height, width, channels] = input.shape;
  const steps = describe?.(height!);
  return {
    name,
    height,
    width,
    channels: channels === 3 ? 'RGB' : channels,
    values: 'bytes, 0 to 255, as they come out of resizing; whatever else is done to them is part of the network',
    ...(steps && { steps, resizing: 'bilinear, without averaging, from the top left pixel on' }),
  };
}

const scoresOf = ({ count, top1, top5, loss }: Scores) => ({ split: 'test', count, top1, top5, loss });

/** The metadata of a file: names, and texts; those of several parts are JSON. */
export function exportMetadata(run: OpenRun, facts: ExportFacts): Map<string, string> {
  const { graph, config, classes, preprocessing, step } = run;
  const { precision, scores, original, licence } = facts;
  const entries: [name: string, value: unknown][] = [
    ['model', graph.name],
    ['labels', classes],
    ['preprocessing', describePreprocessing(graph, preprocessing)],
    ['precision', precision],
    ['training', { dataset: config.dataset.name, step }],
    ['metrics', scores && scoresOf(scores)],
    ['original_metrics', original && scoresOf(original)],
    ['licence', licence],
  ];
  const given = entries.filter(([, value]) => value !== undefined);
  return new Map(given.map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)]));
}
