import { type FileSystem, RunError } from '@graftjs/core';
import * as z from 'zod';
import { readText } from './read-text.js';
import { parseRunConfig, type RunConfig } from './run-config.js';
import { removeDrafts } from './run-folder.js';

const planName = 'stages.json';

/** The folder of one of several trainings. */
export const stageFolder = (folder: string, { model }: Pick<RunConfig, 'model'>): string => `${folder}/${model.name}`;

/** What a run of several stages is to do: their configs, in order. Later ones start from the weights of the one before. */
export async function writeStagePlan(folder: string, stages: readonly RunConfig[], files: FileSystem): Promise<void> {
  try {
    await files.makeFolder(folder);
    await removeDrafts(folder, files);
    await files.write(`${folder}/${planName}`, [new TextEncoder().encode(`${JSON.stringify({ stages }, null, 2)}\n`)]);
  } catch (cause) {
    throw new RunError(
      'run/cannot-write',
      `The run folder ${folder} cannot be written: ${(cause as Error).message}. Choose another folder, or make room in it.`,
      { cause, details: { path: folder } },
    );
  }
}

/**
 * Reads what `writeStagePlan` wrote.
 * @returns undefined where the folder has no plan, as one of a single run
 * @throws RunError `run/config` where the file is not such a plan
 */
export async function readStagePlan(folder: string, files: FileSystem): Promise<RunConfig[] | undefined> {
  const path = `${folder}/${planName}`;
  if ((await files.stat(path))?.kind !== 'file') return undefined;
  try {
    const { stages } = z
      .strictObject({ stages: z.array(z.unknown()).min(1) })
      .parse(JSON.parse(await readText(path, files)));
    return stages.map(parseRunConfig);
  } catch (cause) {
    throw new RunError('run/config', `${path} is not the plan of a run in stages: ${(cause as Error).message}`, {
      cause,
      details: { path },
    });
  }
}

const hasRun = async (folder: string, files: FileSystem): Promise<boolean> =>
  (await files.stat(`${folder}/config.json`))?.kind === 'file';

/** The folder of a run to be used: of one in stages, that of the last stage that has begun. */
export async function trainedFolder(folder: string, files: FileSystem): Promise<string> {
  const path = folder.replace(/(?<=.)\/+$/, '');
  for (const stage of ((await readStagePlan(path, files)) ?? []).toReversed()) {
    if (await hasRun(stageFolder(path, stage), files)) return stageFolder(path, stage);
  }
  return path;
}
