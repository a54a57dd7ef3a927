import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRandom } from '@graftjs/trainer';
import { Command, InvalidArgumentError } from 'commander';
import { drawTortures, KillTorture, type Undisturbed } from './kills.js';
import { type MutationSummary, tortureCheckpoints, tortureEveryByte } from './mutations.js';
import { regimes } from './regimes.js';

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('Give a whole number from 0 up.');
}

interface Options {
  readonly kills: number;
  readonly mutations: number;
  readonly seed: number;
  readonly everyByte?: true;
}

/** Kills runs of every regime in turn; the folder stays where one came to another end. */
async function killRuns({ kills, seed }: Options): Promise<void> {
  if (kills === 0) return;
  const folder = await mkdtemp(join(tmpdir(), 'graft-torture-'));
  const torture = new KillTorture(folder);
  const undisturbed: Undisturbed[] = [];
  for (const regime of regimes) undisturbed.push(await torture.undisturbed(regime));
  let [done, runs] = [0, 0];
  while (done < kills) {
    const run = undisturbed[runs % undisturbed.length]!;
    done += await torture.killed(run, drawTortures(run, createRandom(seed, runs)));
    runs++;
    console.log(`${done} of ${kills} kills, ${runs} runs; the last: ${run.regime.name}`);
  }
  await rm(folder, { recursive: true });
  console.log(`${done} kills: all of ${runs} runs came to the same end as undisturbed, in every bit.`);
}

function tell({ refused, read, slowest, largest }: MutationSummary): void {
  console.log(
    `${refused + read} damaged checkpoints: ${refused} refused by a coded error, ${read} read. The slowest took ` +
      `${slowest.toFixed(0)} ms; no more than ${largest.toFixed(1)} elements of arrays were made for a byte of the files.`,
  );
}

async function damageCheckpoints({ mutations: count, seed, everyByte }: Options): Promise<void> {
  if (everyByte) tell(await tortureEveryByte((path) => console.log(`every byte of ${path}`)));
  const onProgress = (done: number) => done % 50_000 === 0 && console.log(`${done} of ${count} damaged checkpoints`);
  if (count > 0) tell(await tortureCheckpoints({ count, seed }, onProgress));
}

const program = new Command('npm run torture --')
  .description('Kills runs and damages checkpoints at random, and fails if anything is lost.')
  .option('--kills <n>', 'how often runs are killed', wholeNumber, 100)
  .option('--mutations <n>', 'how many checkpoints are damaged', wholeNumber, 1_000_000)
  .option('--every-byte', 'cut checkpoints short at every byte, and change every byte, besides: half an hour')
  .option('--seed <n>', 'repeats what another torture drew (default: drawn anew)', wholeNumber, Date.now() % 2 ** 32)
  .action(async (options: Options) => {
    console.log(`Seed ${options.seed}: repeat it with --seed ${options.seed}`);
    await killRuns(options);
    await damageCheckpoints(options);
  });
await program.parseAsync();
