import { type Container, resolve, SEGMENTER, UsageError } from '@graftjs/core';
import { parseRunConfig, type RunConfig, type RunConfigInput } from './run-config.js';
import type { ResumeOptions } from './run-options.js';
import type { MaskScores } from './segmentation-metrics.js';
import { stageFolder } from './stage-plan.js';
import { type EndedRun, type RunResult, resumeRun, startRun } from './start-run.js';

/** One of several trainings of which each starts from the weights of the one before. */
export interface Stage {
  /** The segmenter by name: `fcn_32s`. */
  readonly model: string;
  /** Default: the config's. */
  readonly learningRate?: number;
}

/** What a run in stages came to: as the last of them, and each. */
export interface StagedResult extends RunResult<MaskScores> {
  /** Each is a run in a folder of its own, below `run`. */
  readonly stages: readonly RunResult<MaskScores>[];
}

/**
 * The configs of all stages, but for the checkpoints of the later ones, which are not there yet.
 * @throws UsageError `usage/stages`, and what `parseRunConfig` throws; PluginError for a segmenter that is not installed
 */
export function planStages(input: RunConfigInput, stages: readonly Stage[], container: Container): RunConfig[] {
  const names = stages.map(({ model }) => model);
  if (new Set(names).size < names.length || names.at(-1) !== input.model.name) {
    throw new UsageError(
      'usage/stages',
      `The stages are ${names.join(', ') || 'none'}. Accepted: different networks for segmentation, ${input.model.name} the last.`,
      { details: { received: names, model: input.model.name } },
    );
  }
  return stages.map(({ model, learningRate }, index) => {
    resolve(container, SEGMENTER, model);
    const { checkpoint, ...config } = parseRunConfig(input);
    return {
      ...config,
      model: { ...config.model, name: model },
      ...(learningRate !== undefined && { learningRate }),
      ...(index === 0 && checkpoint && { checkpoint }),
    };
  });
}

/**
 * Does what is left of a plan: goes on with the stage that was stopped, and begins those after it.
 * @param begin called before anything is written
 */
export async function runStages(
  folder: string,
  plan: readonly RunConfig[],
  container: Container,
  options: ResumeOptions,
  begin?: () => Promise<void>,
): Promise<StagedResult> {
  const { files, onEvent } = options;
  const ended: EndedRun[] = [];
  for (const [index, config] of plan.entries()) {
    const path = stageFolder(folder, config);
    const before = ended.at(-1);
    const whole = { folder, ...(begin && index === 0 && { begin }) };
    onEvent?.({ type: 'stage', model: config.model.name, index, count: plan.length });
    if ((await files.stat(`${path}/config.json`)) !== undefined) {
      ended.push(await resumeRun(path, container, options, whole));
      continue;
    }
    const checkpoint = before && {
      path: (await files.realPath(before.result.run)) + before.checkpoint.slice(before.result.run.length),
      scopes: { [config.model.name]: plan[index - 1]!.model.name },
      // Layers that only this stage has.
      ignoreMissing: true,
    };
    const input = { ...config, ...(checkpoint && { checkpoint }) };
    ended.push(await startRun(input, container, { ...options, folder: path }, whole));
  }
  const stages = ended.map(({ result }) => result as RunResult<MaskScores>);
  return { ...stages.at(-1)!, run: folder, stages };
}
