import { readdir, readFile } from 'node:fs/promises';
import type { RunState } from '../src/run-state.js';
import { readCheckpoint } from './checkpoints.js';

/**
 * What of a run must not depend on when it was stopped: metrics without the time that steps took, which is also in the size
 * of the metrics; all that the checkpoint of its last step holds; its state; the names of its checkpoints.
 */
export async function remainsOf(folder: string, lastStep: number) {
  const lines = (await readFile(`${folder}/metrics.jsonl`, 'utf8')).trimEnd().split('\n');
  const metrics = lines.map((line) => {
    const { imagesPerSecond: _, ...rest } = JSON.parse(line) as Record<string, unknown>;
    return rest;
  });
  const stateFile = `${folder}/checkpoints/model.ckpt-${lastStep}.state.json`;
  const { sha256: _, ...state } = JSON.parse(await readFile(stateFile, 'utf8')) as RunState & { sha256: string };
  return {
    metrics,
    weights: await readCheckpoint(`${folder}/checkpoints/model.ckpt-${lastStep}`),
    state: { ...state, metricsSize: undefined },
    files: (await readdir(`${folder}/checkpoints`)).sort(),
  };
}
