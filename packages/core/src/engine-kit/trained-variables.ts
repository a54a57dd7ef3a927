import { squaresChunk as chunk, clipByValue, clipScale, sumOfSquares } from '../clip-gradients.js';
import type { TrainingOptions } from '../engine.js';
import { EngineError } from '../errors.js';
import type { Graph } from '../graph.js';
import { createPauses, type Pause } from './pauses.js';
import type { ValueHolder, VariableStore } from './variable-store.js';

/** What one trained variable needs besides its values. */
interface Trained<H extends ValueHolder> {
  readonly name: string;
  readonly decayed: boolean;
  readonly slots: readonly Float32Array[];
  /** The sum since the last update. */
  readonly gradient: H;
}

/** The trained variables with their gradients, and what an update does to them. */
export class TrainedVariables<H extends ValueHolder = ValueHolder> {
  readonly #store: VariableStore<H>;
  readonly #training: TrainingOptions;
  readonly #all: readonly Trained<H>[];
  readonly #scalars: Float32Array;
  readonly #decayed: readonly string[];
  /** Sums of squares of decayed variables, and of which version of their values. */
  readonly #squares = new Map<string, { readonly version: number; readonly sum: number }>();

  /** @param names those that the result depends on */
  constructor(graph: Graph, store: VariableStore<H>, training: TrainingOptions, names: readonly string[]) {
    this.#store = store;
    this.#training = training;
    this.#decayed = graph.variables.filter(({ decayed }) => decayed).map(({ name }) => name);
    this.#all = names.map((name) => ({
      name,
      decayed: this.#decayed.includes(name),
      slots: store.addSlots(name, training.optimizer),
      gradient: store.gradientOf(name),
    }));
    this.#scalars = store.addScalars(training.optimizer);
  }

  /** What weight decay adds to the loss and to the gradient, and what is the optimizer's own matter. */
  get #decay(): { readonly loss: number; readonly own: number } {
    const { optimizer, weightDecay = 0 } = this.#training;
    return optimizer.decoupledDecay ? { loss: 0, own: weightDecay } : { loss: weightDecay, own: 0 };
  }

  #trained(name: string): Trained<H> {
    const found = this.#all.find((variable) => variable.name === name);
    if (found) return found;
    const known = this.#all.map((variable) => variable.name).join(', ');
    throw new EngineError('engine/no-gradient', `${name} is not trained and has no gradient. Trained: ${known}.`);
  }

  /** The gradient of a trained variable without weight decay, in the engine's layout. */
  gradient(name: string): H {
    return this.#trained(name).gradient;
  }

  /** Adds to the gradient of a variable, if it is trained. */
  addGradient(name: string, values: Float32Array): void {
    const gradient = this.#all.find((variable) => variable.name === name)?.gradient.array;
    if (gradient) for (let i = 0; i < gradient.length; i++) gradient[i]! += values[i]!;
  }

  /** That with weight decay, in TF-Slim's layout: a copy. */
  totalGradient(name: string): Float32Array {
    const { gradient, decayed } = this.#trained(name);
    const total = gradient.array.slice();
    if (decayed) addDecay(total, this.#store.array(name), this.#decay.loss);
    return this.#store.toSlim(name, total, new Float32Array(total.length));
  }

  decayLoss(): number {
    const decay = this.#decay.loss;
    if (decay === 0) return 0;
    return (decay * this.#decayed.reduce((sum, name) => sum + this.#squaresOf(name), 0)) / 2;
  }

  #squaresOf(name: string): number {
    const version = this.#store.version(name);
    const known = this.#squares.get(name);
    if (known?.version === version) return known.sum;
    const sum = sumOfSquares(this.#store.array(name));
    this.#squares.set(name, { version, sum });
    return sum;
  }

  /** Does the work of `decayLoss` that is still to be done, with pauses. */
  async prepareDecayLoss(pause: Pause): Promise<void> {
    if (this.#decay.loss === 0) return;
    for (const name of this.#decayed) {
      this.#squaresOf(name);
      await pause();
    }
  }

  async update(learningRate: number): Promise<void> {
    const { optimizer, clipValue, clipNorm, multipliers } = this.#training;
    const pause = createPauses();
    const decay = this.#decay;
    const scale = clipValue === undefined && clipNorm === undefined ? undefined : await this.#clip(pause);
    for (const { name, decayed, slots, gradient: holder } of this.#all) {
      const rate = learningRate * (multipliers?.get(name) ?? 1);
      const [weights, gradient] = [this.#store.array(name), holder.array];
      const countsSquares = decayed && decay.loss > 0;
      let squares = 0;
      for (let from = 0; from < weights.length; from += chunk) {
        const part = (values: Float32Array) => values.subarray(from, from + chunk);
        const [w, g] = [part(weights), part(gradient)];
        if (scale === undefined) {
          if (decayed) addDecay(g, w, decay.loss);
        } else if (scale !== 1) {
          for (let i = 0; i < g.length; i++) g[i]! *= scale;
        }
        optimizer.update(w, g, slots.map(part), rate, this.#scalars, decayed ? decay.own : 0);
        g.fill(0);
        if (countsSquares) squares += sumOfSquares(w);
        await pause();
      }
      this.#store.changed(name);
      if (countsSquares) this.#squares.set(name, { version: this.#store.version(name), sum: squares });
    }
    optimizer.advance?.(this.#scalars);
  }

  /** Joins weight decay to the gradients, clips their values, and gives what their norm has them scaled by. */
  async #clip(pause: Pause): Promise<number> {
    const { clipValue, clipNorm } = this.#training;
    const decay = this.#decay.loss;
    let squares = 0;
    for (const { name, decayed, gradient } of this.#all) {
      const weights = this.#store.array(name);
      for (let from = 0; from < weights.length; from += chunk) {
        const part = gradient.array.subarray(from, from + chunk);
        if (decayed) addDecay(part, weights.subarray(from, from + chunk), decay);
        if (clipValue !== undefined) clipByValue(part, clipValue);
        if (clipNorm !== undefined) squares += sumOfSquares(part);
        await pause();
      }
    }
    return clipNorm === undefined ? 1 : clipScale(squares, clipNorm);
  }
}

/** Adds `weightDecay * weights` to a gradient. */
function addDecay(gradient: Float32Array, weights: Float32Array, weightDecay: number): void {
  if (weightDecay === 0) return;
  for (let i = 0; i < gradient.length; i++) gradient[i] = gradient[i]! + weightDecay * weights[i]!;
}
