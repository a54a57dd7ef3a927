import type { Container } from '@graftjs/core';
import type { Scores } from './metrics.js';
import type { RunConfigInput } from './run-config.js';
import { RunFolder } from './run-folder.js';
import type { ResumeOptions, RunOptions } from './run-options.js';
import { planStages, runStages, type Stage, type StagedResult } from './run-stages.js';
import type { RunScores } from './run-task.js';
import { readStagePlan, writeStagePlan } from './stage-plan.js';
import { type RunResult, resumeRun, startRun } from './start-run.js';

/**
 * Trains a network on a data set and writes a run folder. Everything that can be wrong with the config, the data, the
 * checkpoint and the folder is an error before anything is written. It evaluates on `test` at the end of each epoch
 * (`evalEvery`), saves after each evaluation (`saveEvery`), and does both at the end.
 * @typeParam M what the network is measured by: `MaskScores` for one that tells the class of each pixel
 * @param options.folder where the run goes: a folder that is empty or not there
 * @throws UsageError, PluginError, DataError, CheckpointError, EngineError by what is wrong; RunError `run/folder-taken`,
 * `run/in-use` (another process trains there), `run/cannot-write`, `run/aborted` (by the signal; the run can be resumed),
 * `run/not-finite` (the loss is no number any more), `run/memory` (it would take more than `availableMemory`)
 */
export async function finetune<M extends RunScores = Scores>(
  input: RunConfigInput,
  container: Container,
  options: RunOptions & { readonly folder: string },
): Promise<RunResult<M>> {
  return (await startRun(input, container, options)).result as RunResult<M>;
}

/**
 * Trains networks for segmentation one after the other, each from the weights of the one before, as FCN-8s was trained (Long,
 * Shelhamer and Darrell, arXiv:1411.4038, section 4.2): each stage is a run in a folder of its own, `FOLDER/MODEL`, and
 * `FOLDER` can be used as the last of them. Layers that the one before did not have start anew.
 * @param input of the last stage; the others differ in the network and, where they say so, in the learning rate. `checkpoint` is
 * what the first one starts from
 * @throws as `finetune`; UsageError `usage/stages`
 */
export async function finetuneStages(
  input: RunConfigInput,
  stages: readonly Stage[],
  container: Container,
  { folder, ...options }: RunOptions & { readonly folder: string },
): Promise<StagedResult> {
  const plan = planStages(input, stages, container);
  await RunFolder.checkFree(folder, options.files);
  return runStages(folder, plan, container, options, () => writeStagePlan(folder, plan, options.files));
}

/**
 * Goes on with a run from its newest checkpoint that can be read, to the same end as if it had never stopped: each later
 * step gets the batch, the learning rate and the weights that it would have had. What the metrics hold of later steps is
 * cut off. A run that was stopped before its first checkpoint begins again; one that is finished gives its result. Of a run
 * in stages, the one that was stopped goes on, and those after it follow. On another engine it comes as near to that end as the two
 * engines' rounding allows.
 * @throws as `finetune`; RunError `run/no-run`, `run/config`, `run/no-checkpoint`, `run/other-classes`
 */
export async function resume<M extends RunScores = Scores>(
  folder: string,
  container: Container,
  options: ResumeOptions,
): Promise<RunResult<M>> {
  const { files, engine } = options;
  const plan = await readStagePlan(folder, files);
  if (!plan) return (await resumeRun(folder, container, options)).result as RunResult<M>;
  const moved = plan.map((config) => ({ ...config, engine: { name: config.engine.name, ...engine } }));
  const result: RunResult<RunScores> = engine
    ? await runStages(folder, moved, container, options, () => writeStagePlan(folder, moved, files))
    : await runStages(folder, plan, container, options);
  return result as RunResult<M>;
}
