import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Random } from '@graftjs/core';
import { drawCifar10 } from './draw-cifar10.js';
import { drawVoc } from './draw-voc.js';
import { type GraftOutcome, runGraft, type Torture } from './graft-process.js';
import { type Regime, steps } from './regimes.js';

/** All files of a run by their paths in it, without what says how long something took. */
export type Remains = ReadonlyMap<string, string>;

/** A regime's run that nothing came in the way of. */
export interface Undisturbed {
  readonly regime: Regime;
  readonly args: readonly string[];
  readonly remains: Remains;
  /** What the command printed at the end. */
  readonly result: string;
  readonly milliseconds: number;
  /** Every change on disk, in order: `append /tmp/x/run/metrics.jsonl`. */
  readonly writes: readonly string[];
}

const ofState = /\.state\.json$/;

/** A file's content as text, without times and what follows from them, and without the place of its run. */
function comparable(name: string, content: Buffer, run: string): string {
  const plain = (json: string, ...keys: readonly string[]) => {
    const value = JSON.parse(json) as Record<string, unknown>;
    return JSON.stringify(Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key))));
  };
  if (ofState.test(name)) return plain(content.toString(), 'metricsSize', 'sha256');
  if (basename(name) === 'config.json') return content.toString().replaceAll(run, 'RUN');
  if (basename(name) !== 'metrics.jsonl') return content.toString('latin1');
  const lines = content.toString().trimEnd().split('\n');
  return lines.map((line) => plain(line, 'imagesPerSecond')).join('\n');
}

async function remainsOf(run: string): Promise<Remains> {
  const entries = await readdir(run, { recursive: true, withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const found = new Map<string, string>();
  for (const path of names.sort()) {
    const name = path.slice(run.length + 1);
    found.set(name, comparable(name, await readFile(path), run));
  }
  return found;
}

const resultOf = ({ stdout }: GraftOutcome, run: string): string => stdout.replaceAll(run, 'RUN');

function expectSuccess(outcome: GraftOutcome, what: string): GraftOutcome {
  if (outcome.status === 0) return outcome;
  throw new Error(`${what} ended with status ${outcome.status}:\n${outcome.stderr}`);
}

/** Runs and kills in a folder of their own. */
export class KillTorture {
  readonly #folder: string;
  readonly #shared: Promise<Readonly<Record<Regime['target'], readonly string[]>>>;
  readonly #checkpoint: Promise<string>;
  #runs = 0;

  constructor(folder: string) {
    this.#folder = folder;
    this.#shared = this.#draw();
    this.#checkpoint = this.#train();
  }

  /** Draws the data, and gives the options that all regimes have. */
  async #draw() {
    const options = (text: string, data: string) => [
      ...`${text} --batch-size 10 --learning-rate 0.003 --seed 5 --json --data`.split(' '),
      data,
    ];
    return {
      classes: options('--model tiny_net --dataset cifar10', await drawCifar10(join(this.#folder, 'cifar10'))),
      masks: options('--model fcn_16s --backbone tiny_net --dataset voc', await drawVoc(join(this.#folder, 'voc'))),
    };
  }

  /** Trains what the regimes with a checkpoint start from. */
  async #train(): Promise<string> {
    const start = join(this.#folder, 'start');
    const args = ['finetune', ...(await this.#shared).classes, '--steps', '20', '--out', start];
    expectSuccess(await runGraft(args, this.#folder), 'The first training');
    return join(start, 'checkpoints/model.ckpt-20');
  }

  #newRun(): { run: string; cache: string } {
    this.#runs++;
    return { run: join(this.#folder, `run-${this.#runs}`), cache: join(this.#folder, `cache-${this.#runs}`) };
  }

  async undisturbed(regime: Regime): Promise<Undisturbed> {
    const rhythm = ['--steps', String(steps), '--eval-every', '7', '--save-every', '5'];
    const checkpoint = regime.fromCheckpoint ? ['--checkpoint', await this.#checkpoint] : [];
    const args = ['finetune', ...(await this.#shared)[regime.target], ...rhythm, ...regime.options, ...checkpoint];
    const { run, cache } = this.#newRun();
    const log = join(this.#folder, 'writes');
    const outcome = await runGraft([...args, '--out', run], cache, { writes: { log } });
    const { milliseconds } = expectSuccess(outcome, regime.name);
    const remains = await remainsOf(run);
    const writes = (await readFile(log, 'utf8')).trimEnd().split('\n');
    for (const path of [run, cache, log]) await rm(path, { recursive: true, force: true });
    return { regime, args, remains, result: resultOf(outcome, run), milliseconds, writes };
  }

  /**
   * Begins a run, is in its way as often as it is told, going on with it each time, and compares what it comes to.
   * @returns how many kills there were: a run may have ended before one
   * @throws Error where anything is different in a single bit, or the run does not go on; its folder is left
   */
  async killed({ regime, args, remains, result }: Undisturbed, tortures: readonly Torture[]): Promise<number> {
    const { run, cache } = this.#newRun();
    const what = `${regime.name}, in ${run} with ${JSON.stringify(tortures)}`;
    const goOn = (torture?: Torture) => {
      const hasBegun = ['config.json', 'stages.json'].some((name) => existsSync(join(run, name)));
      return runGraft(hasBegun ? ['finetune', '--resume', run, '--json'] : [...args, '--out', run], cache, torture);
    };
    let kills = 0;
    for (const torture of tortures) {
      const outcome = await goOn(torture);
      if (outcome.killed) kills++;
      else expectSuccess(outcome, what);
    }
    const outcome = expectSuccess(await goOn(), what);
    const came = resultOf(outcome, run);
    if (came !== result) throw new Error(`${what} gave ${came}, not ${result}`);
    const found = await remainsOf(run);
    for (const name of new Set([...remains.keys(), ...found.keys()])) {
      if (found.get(name) !== remains.get(name)) throw new Error(`${what} came to another ${name}`);
    }
    for (const path of [run, cache]) await rm(path, { recursive: true, force: true });
    return kills;
  }
}

/** One to three kills, each at some moment of the run or in the middle of something that it writes. */
export function drawTortures({ milliseconds, writes }: Undisturbed, random: Random): Torture[] {
  return Array.from({ length: 1 + random.below(3) }, (): Torture => {
    if (random.below(2) === 0) return { after: random.uniform() * milliseconds };
    return { writes: { pattern: '', nth: random.below(writes.length), share: random.uniform() } };
  });
}
