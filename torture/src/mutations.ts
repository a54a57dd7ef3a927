import { tfjs } from '@graftjs/ckpt-tfjs';
import { CheckpointError, type Random } from '@graftjs/core';
import { createRandom } from '@graftjs/trainer';
import { AllocationWatch } from './allocation-watch.js';
import { type Fixture, largeFixture, readSlimFixtures, readTfjsFixtures } from './fixtures.js';
import { mutate, takeApart } from './mutate.js';
import { mutateTfjs } from './mutate-tfjs.js';
import type { Mutation } from './mutation.js';
import { isSameValue, readAll, type Values } from './read-all.js';

/** Elements of arrays for a byte of the files: 8 of a number that takes a byte, in a block that Snappy made 64 / 3 times as small. */
const elementsPerByte = (8 * 64) / 3;
/** What may be asked for besides, whatever the files. */
const freeElements = 1 << 12;
/** One that takes longer, twice, hangs on the slowest machine. */
const mostMilliseconds = 2000;

/** Of so many mutations one is of the large fixture. */
const largeSeldom = 2000;

/** What is damaged, and how. */
interface Subject {
  readonly fixture: Fixture;
  mutate(random: Random): Mutation;
}

function slimSubject(fixture: Fixture): Subject {
  const parts = takeApart(fixture);
  return { fixture, mutate: (random) => mutate(parts, random) };
}

const tfjsSubject = (fixture: Fixture): Subject => ({ fixture, mutate: (random) => mutateTfjs(fixture, random) });

/** What came of mutations. */
export interface MutationSummary {
  /** Ended in a coded error. */
  readonly refused: number;
  /** Gave values: those of the undamaged checkpoint, or where no checksum could tell, others. */
  readonly read: number;
  /** Of one mutation, in milliseconds, the most. */
  readonly slowest: number;
  /** Of one thing that was asked of a reader: elements of arrays for a byte of the files, the most. */
  readonly largest: number;
}

/** What came of one. */
interface Outcome {
  readonly refused: boolean;
  readonly milliseconds: number;
  /** As in the summary. */
  readonly elements: number;
}

/** What is wrong in spite of checksums that tell. */
function untold({ values }: Fixture, { checksums }: Mutation, found: Values): string | undefined {
  if (checksums === 'tell') {
    for (const [name, value] of values) if (!isSameValue(found.get(name), value)) return `wrong values of ${name}`;
    return found.size === values.size ? undefined : `${found.size} variables`;
  }
  if (checksums === 'silent') return undefined;
  for (const [name, value] of found) {
    const isKnown = value.length === 0 || [...values.values()].some((known) => isSameValue(known, value));
    if (!isKnown) return `values of ${name} that are nowhere in it`;
  }
  return undefined;
}

/** Whether it is an error that a reader means: not one of the language, caught and taken for one of the files. */
function isMeant(error: unknown): boolean {
  if (!(error instanceof CheckpointError) || !error.code.startsWith('checkpoint/')) return false;
  return error.code !== 'checkpoint/file-access' || (error.cause as NodeJS.ErrnoException).code === 'ENOENT';
}

/** Reads all of a damaged checkpoint. @throws Error for a crash, wrong values, or more memory than the files warrant */
async function readDamaged(fixture: Fixture, mutation: Mutation, watch: AllocationWatch): Promise<Outcome> {
  const { format, prefix } = fixture;
  const bytes = [...mutation.files.values()].reduce((sum, file) => sum + file.length, 1);
  let elements = 0;
  const measure = () => {
    elements = Math.max(elements, Math.max(0, watch.take() - freeElements) / bytes);
  };
  let refused = false;
  watch.take();
  const started = performance.now();
  try {
    const wrong = untold(fixture, mutation, await readAll(format, mutation.path ?? prefix, mutation.files, measure));
    if (wrong !== undefined) throw new Error(`It gave ${wrong}`);
  } catch (error) {
    if (!isMeant(error)) throw error;
    refused = true;
  }
  measure();
  if (elements > elementsPerByte)
    throw new Error(`It asked for ${elements} elements of arrays for each of ${bytes} bytes`);
  return { refused, milliseconds: performance.now() - started, elements };
}

/** How often a fixture is drawn: those that are much work to read, seldom. */
const shareOf = ({ files, values }: Fixture): number =>
  ([...files.values()].reduce((sum, file) => sum + file.length, 0) / 2000 + values.size) ** -2;

function drawSubject(subjects: readonly Subject[], shares: readonly number[], random: Random): Subject {
  let left = random.uniform() * shares.reduce((sum, share) => sum + share, 0);
  for (const [index, subject] of subjects.entries()) {
    left -= shares[index]!;
    if (left < 0) return subject;
  }
  return subjects[0]!;
}

/** Reads damaged checkpoints one after the other, and keeps account. */
class Account {
  #count = 0;
  #refused = 0;
  #slowest = 0;
  #largest = 0;

  /** @throws Error where it does not end as it should, with what it was */
  async add(fixture: Fixture, mutation: Mutation, watch: AllocationWatch, label: string): Promise<void> {
    try {
      let outcome = await readDamaged(fixture, mutation, watch);
      // The machine may have been busy with something else.
      if (outcome.milliseconds > mostMilliseconds) outcome = await readDamaged(fixture, mutation, watch);
      if (outcome.milliseconds > mostMilliseconds) throw new Error(`It took ${outcome.milliseconds} ms, twice`);
      this.#count++;
      if (outcome.refused) this.#refused++;
      this.#slowest = Math.max(this.#slowest, outcome.milliseconds);
      this.#largest = Math.max(this.#largest, outcome.elements);
    } catch (cause) {
      throw new Error(`${fixture.name}, ${label}, of ${mutation.what}: ${cause}`, { cause });
    }
  }

  get summary(): MutationSummary {
    return {
      refused: this.#refused,
      read: this.#count - this.#refused,
      slowest: this.#slowest,
      largest: this.#largest,
    };
  }
}

async function watching(work: (account: Account, watch: AllocationWatch) => Promise<void>): Promise<MutationSummary> {
  const account = new Account();
  const watch = new AllocationWatch();
  watch.start();
  try {
    await work(account, watch);
  } finally {
    watch.stop();
  }
  return account.summary;
}

/**
 * Damages checkpoints of TensorFlow and TensorFlow.js, and a large one, and reads each: it must end in a coded error or in the
 * right values, in time, and within the memory that the files warrant.
 * @param count how many; each follows from the seed and its number alone
 * @param from the number of the first. Default 0
 * @throws Error at the first that does not, with its number
 */
export async function tortureCheckpoints(
  { count, seed, from = 0 }: { readonly count: number; readonly seed: number; readonly from?: number },
  onProgress?: (done: number) => void,
): Promise<MutationSummary> {
  const subjects = [...(await readSlimFixtures()).map(slimSubject), ...(await readTfjsFixtures()).map(tfjsSubject)];
  const large = slimSubject(await largeFixture());
  const shares = subjects.map(({ fixture }) => shareOf(fixture));
  return watching(async (account, watch) => {
    for (let number = from; number < from + count; number++) {
      const random = createRandom(seed, number);
      const subject = random.below(largeSeldom) === 0 ? large : drawSubject(subjects, shares, random);
      await account.add(subject.fixture, subject.mutate(random), watch, `mutation ${number} of seed ${seed}`);
      if (number % 1000 === 999) onProgress?.(number + 1 - from);
    }
  });
}

/**
 * The same with every file of the checkpoints cut short at every byte, and with every byte changed.
 * @param onProgress called after each file
 */
export async function tortureEveryByte(onProgress?: (path: string) => void): Promise<MutationSummary> {
  const fixtures = [...(await readSlimFixtures()), ...(await readTfjsFixtures())];
  return watching(async (account, watch) => {
    for (const fixture of fixtures) {
      const onChange = fixture.format === tfjs ? 'silent' : 'tell';
      for (const [path, bytes] of fixture.files) {
        for (let place = 0; place < bytes.length; place++) {
          const changed = bytes.slice();
          changed[place]! ^= 1 << (place % 8);
          for (const [damaged, checksums] of [
            [bytes.slice(0, place), 'tell'],
            [changed, onChange],
          ] as const) {
            const files = new Map(fixture.files).set(path, damaged);
            await account.add(fixture, { what: path, files, checksums }, watch, `byte ${place}`);
          }
        }
        onProgress?.(path);
      }
    }
  });
}
