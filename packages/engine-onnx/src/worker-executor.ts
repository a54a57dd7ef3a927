import { EngineError } from '@graftjs/core';
import { Piscina } from 'piscina';
import type { Block, TensorView } from './block.js';
import type { Executor } from './executor.js';
import type { LoadMessage, MessageView, Outcome, RunMessage } from './worker.js';

// The thread runs what was built, also where this file is run as TypeScript, by tests.
const program = new URL('../dist/worker-entry.cjs', import.meta.url).href;

/**
 * Runs onnxruntime in a thread of its own, since it blocks the one that it runs in for as long as it works. Arrays move there
 * and back; they are not copied. The thread starts with the first call and does not keep the process from ending.
 */
export function executeInWorker(): Executor {
  const pool = new Piscina({ filename: program, minThreads: 1, maxThreads: 1 });

  /**
   * @param blocks whose arrays the message has
   * @param given arrays in the message that nobody here needs any more
   */
  async function call<T>(
    name: string,
    message: unknown,
    blocks: readonly Block[] = [],
    given: readonly Uint8Array[] = [],
  ): Promise<T> {
    let outcome: Outcome<T>;
    const arrays = blocks.map((block) => block.lend());
    const moved = [...arrays, ...given].map(({ buffer }) => buffer as ArrayBuffer);
    try {
      const sent = blocks.length > 0 ? { ...(message as object), arrays } : message;
      outcome = await pool.run(sent, { name, transferList: moved });
    } catch (cause) {
      throw new EngineError('engine/worker', `The thread of onnxruntime has ended: ${(cause as Error).message}`, {
        cause,
      });
    }
    for (const [index, block] of blocks.entries()) block.giveBack(outcome.arrays[index]!);
    const { problem } = outcome;
    if (problem) throw new EngineError(problem.code, problem.message, { cause: problem.cause });
    return outcome.value!;
  }

  return {
    load(bytes, what, options) {
      const message: LoadMessage = { bytes, what, options };
      // Part of a larger array cannot move alone.
      return call<number>('load', message, [], bytes.length === bytes.buffer.byteLength ? [bytes] : []);
    },
    run(runs) {
      const places = new Map<Block, number>();
      const message = (views: Readonly<Record<string, TensorView>>): Record<string, MessageView> =>
        Object.fromEntries(
          Object.entries(views).map(([name, { block, from, dims }]) => {
            const place = places.get(block) ?? places.size;
            places.set(block, place);
            return [name, { block: place, from, dims }];
          }),
        );
      const messages: RunMessage['runs'] = runs.map(({ model, feeds, fetches }) => ({
        model,
        feeds: message(feeds),
        fetches: message(fetches),
      }));
      return call<void>('run', { runs: messages }, [...places.keys()]);
    },
    release: (model) => call<void>('release', model),
  };
}
