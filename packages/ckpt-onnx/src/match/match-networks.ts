import type { Step } from './network.js';

/** How many steps ahead are compared where several could be the one. */
const foresight = 24;

/** What is to come after a step, up to where branches meet again, as a number that is the same for what is the same. */
class Outlook {
  readonly #numbers = new Map<string, number>();
  readonly #known = new Map<string, Map<Step<unknown>, number>>();
  readonly #withChannels: boolean;

  constructor(withChannels: boolean) {
    this.#withChannels = withChannels;
  }

  of(step: Step<unknown>, depth = foresight): number {
    const known = this.#known.get(String(depth)) ?? new Map<Step<unknown>, number>();
    this.#known.set(String(depth), known);
    const found = known.get(step) ?? this.#number(this.#describe(step, depth));
    known.set(step, found);
    return found;
  }

  #describe(step: Step<unknown>, depth: number): string {
    const { kind, kernel } = step;
    const size = kernel ? `${kernel.size ?? 'dense'} ${this.#withChannels ? kernel.channels : ''}` : '';
    const after = depth > 0 ? step.readers.map((reader) => this.#reading(step, reader, depth - 1)).sort() : [];
    return `${kind} ${size} [${after.join(';')}]`;
  }

  #reading(step: Step<unknown>, reader: Step<unknown>, depth: number): string {
    if (reader.inputs.length === 1) return String(this.of(reader, depth));
    return reader.kind === 'concat' ? `concat ${reader.inputs.indexOf(step)}` : reader.kind;
  }

  #number(text: string): number {
    const number = this.#numbers.get(text) ?? this.#numbers.size;
    this.#numbers.set(text, number);
    return number;
  }
}

/** Whether two convolutions read their input alike; their sizes may differ, which is told by their weights. */
function readsAlike({ kernel: graph }: Step<unknown>, { kernel: file }: Step<unknown>): boolean {
  if (!graph || !file) return graph === file;
  if (!graph.size) return graph.groups === file.groups;
  const alike = (axis: 0 | 1) =>
    graph.reach[axis] === 0 || file.reach[axis] === 0 || graph.reach[axis] === file.reach[axis];
  return file.size !== undefined && graph.groups === file.groups && alike(0) && alike(1);
}

function sameInputs(kind: string, some: readonly unknown[], others: readonly unknown[]): boolean {
  if (some.length !== others.length) return false;
  if (kind !== 'add') return some.every((input, index) => input === others[index]);
  const left = [...others];
  return some.every((input) => left.includes(input) && left.splice(left.indexOf(input), 1));
}

/**
 * What a step reads in the file, of which the graph's reads `read`: behind the counterpart there, where the file takes an average over
 * its single place, which does nothing.
 */
function inputIn<F>(read: Step<unknown>, step: Step<unknown>, counterpart: Step<F> | undefined): Step<F> | undefined {
  const [reader, ...others] = counterpart?.readers ?? [];
  const averagesAll = reader?.kind === 'averagePool' && !reader.window && others.length === 0;
  return read.isPoint && averagesAll && step.kind !== 'averagePool' ? reader : counterpart;
}

/** The steps of one network that are those of another. */
export interface Matching<G, F> {
  readonly pairs: ReadonlyMap<Step<G>, Step<F>>;
  /** The first steps that have no counterpart, although what they read has. */
  readonly partings: readonly Step<G>[];
}

/**
 * Walks two networks in step, from their inputs on: a step is the counterpart of one that does the same to the counterparts of
 * its inputs. Where several do, that one which has the same before it until branches meet.
 * @param graph each step behind those that it reads
 * @param fits whether a step of the file can be that of the graph, by what else is known of both
 */
export function matchNetworks<G, F>(
  graph: readonly Step<G>[],
  file: readonly Step<F>[],
  fits: (graph: Step<G>, file: Step<F>) => boolean,
): Matching<G, F> {
  const outlooks = [new Outlook(true), new Outlook(false)];
  const pairs = new Map<Step<G>, Step<F>>();
  const taken = new Set<Step<F>>();
  const partings: Step<G>[] = [];
  const input = file.find(({ kind, readers }) => kind === 'input' && readers.length > 0);
  for (const step of graph) {
    if (step.kind === 'input') {
      if (input) pairs.set(step, input);
      continue;
    }
    const inputs = step.inputs.map((read) => inputIn(read, step, pairs.get(read)));
    if (inputs.includes(undefined)) continue;
    const candidates = inputs[0]!.readers.filter(
      (other) =>
        !taken.has(other) &&
        other.kind === step.kind &&
        step.kind !== 'other' &&
        sameInputs(step.kind, other.inputs, inputs) &&
        readsAlike(step, other) &&
        fits(step, other),
    );
    const alike = outlooks
      .map((outlook) => candidates.filter((other) => candidates.length > 1 && outlook.of(other) === outlook.of(step)))
      .find((some) => some.length > 0);
    const [chosen] = alike ?? candidates;
    if (!chosen) {
      partings.push(step);
      continue;
    }
    pairs.set(step, chosen);
    taken.add(chosen);
  }
  return { pairs, partings };
}
