import { GraftError, RunError, type Schedule, type TrainingSession } from '@graftjs/core';
import { mixesBatch } from './batch-norm-policy.js';
import type { FeatureSource } from './batches.js';
import { ModeComparer, type ModeComparison } from './compare-modes.js';
import type { RunEvent } from './events.js';
import { firstNotFinite } from './first-not-finite.js';
import { usingAverages } from './moving-averages.js';
import { stepsPerEpoch } from './plan-batches.js';
import type { RunFolder } from './run-folder.js';
import type { RunState } from './run-state.js';
import { qualityOf, type RunTask, type StepBatch, scoresOf } from './run-task.js';
import type { Saver } from './saver.js';
import type { Weights } from './weights.js';

/** Everything that a run's steps need, open and restored. */
export interface TrainingParts {
  readonly run: RunFolder;
  readonly session: TrainingSession;
  /** What is saved: the session's, and those of a frozen part outside of it. */
  readonly weights: Weights;
  /** What the session takes instead of images. */
  readonly features?: { readonly train: FeatureSource; readonly test?: FeatureSource };
  readonly saver: Saver;
  readonly schedule: Schedule;
  readonly task: RunTask;
  readonly totalSteps: number;
  readonly onEvent?: (event: RunEvent) => void;
  readonly signal?: AbortSignal;
}

/** Every so many steps it is looked at whether the network has fallen to one class. */
const stallSteps = 50;

/** Where a run is before its first step. */
export function initialState(seed: number): RunState {
  return { step: 0, epoch: 0, loss: 0, evaluation: null, best: null, evaluationsSinceBest: 0, metricsSize: 0, seed };
}

/** Trains, evaluates and saves from a state on to the end. A run that was saved at any step goes on as if it had not been. */
export class TrainingLoop {
  readonly #parts: TrainingParts;
  #state: RunState;
  /** The state that the newest checkpoint has: the very object, so that any change since shows. */
  #saved: RunState;
  /** Whether some layer normalizes by the batch in training. */
  readonly #comparesModes: boolean;
  /** Of the last step, where an evaluation comes after it. */
  #modes: ModeComparison | undefined;

  /** @param state of what the session holds: the newest checkpoint's, or `initialState` */
  constructor(parts: TrainingParts, state: RunState) {
    this.#parts = parts;
    this.#state = state;
    this.#saved = state;
    const { trained, batchNorm } = parts.run.record;
    this.#comparesModes = mixesBatch(parts.session.graph, trained, batchNorm);
  }

  /**
   * @returns the state at the end, whose weights the session holds; those of the best evaluation are in its checkpoint
   * @throws RunError `run/aborted` by the signal, having saved; `run/not-finite` where the loss is no number any more
   */
  async run(): Promise<RunState> {
    const { run, task, totalSteps, features, saver } = this.#parts;
    const { batchSize, accumulate, seed } = run.record;
    // A process that ended within the last save has left no other that would clear up.
    if (this.#isOver() && this.#state.step > 0) await saver.finishSave(this.#state, this.#keeping);
    const plan = { batchSize, accumulate, seed, from: this.#state.step, to: totalSteps };
    const batches = task.batches({ ...plan, ...(features && { features: features.train }) });
    try {
      for (;;) {
        await this.#stopIfAborted();
        if (this.#evaluationIsDue() && this.#state.evaluation?.step !== this.#state.step) await this.#evaluate();
        if (this.#saveIsDue()) await this.#save();
        if (this.#isOver()) break;
        await this.#step(batches);
      }
    } finally {
      await batches.return(undefined);
    }
    this.#tellEnd();
    return this.#state;
  }

  get #keeping() {
    return { keepBest: this.#parts.run.record.earlyStop !== undefined };
  }

  #isLast(): boolean {
    return this.#state.step >= this.#parts.totalSteps;
  }

  #evaluationIsDue(step = this.#state.step): boolean {
    const { batchSize, accumulate, evalEvery } = this.#parts.run.record;
    const every = evalEvery ?? stepsPerEpoch(this.#parts.task.counts.train, batchSize, accumulate);
    return step > 0 && (step >= this.#parts.totalSteps || step % every === 0);
  }

  #saveIsDue(): boolean {
    const { step, best } = this.#state;
    const { saveEvery, earlyStop } = this.#parts.run.record;
    if (this.#state === this.#saved) return false;
    if (this.#isOver() || (earlyStop !== undefined && best?.step === step)) return true;
    return saveEvery === undefined ? this.#evaluationIsDue() : step % saveEvery === 0;
  }

  #stoppedEarly(): boolean {
    const { earlyStop } = this.#parts.run.record;
    return earlyStop !== undefined && this.#state.evaluationsSinceBest >= earlyStop;
  }

  #isOver(): boolean {
    return this.#isLast() || this.#stoppedEarly();
  }

  async #step(batches: AsyncGenerator<StepBatch>): Promise<void> {
    const { session, task, schedule, run, totalSteps, onEvent } = this.#parts;
    const started = performance.now();
    const learningRate = schedule(this.#state.step);
    const comparer = this.#comparesModes && this.#evaluationIsDue(this.#state.step + 1) ? this.#comparer() : undefined;
    let batch: StepBatch;
    let logits: Float32Array;
    let [loss, auxiliaryLoss, images] = [0, 0, 0];
    do {
      batch = (await batches.next()).value as StepBatch;
      const result = await session.accumulate(batch);
      ({ logits } = result);
      loss += result.loss;
      auxiliaryLoss += result.auxiliaryLoss;
      if (comparer) await this.#compare(comparer, batch, logits);
      images += batch.indices.length;
    } while (!batch.endsStep);
    const totalLoss = loss + auxiliaryLoss + session.decayLoss();
    if (!Number.isFinite(totalLoss)) throw this.#notFinite(`The loss is ${totalLoss}`, learningRate);
    this.#modes = comparer?.result();
    await session.update(learningRate);
    const imagesPerSecond = (1000 * images) / (performance.now() - started);
    const [step, epoch] = [batch.step + 1, batch.epoch + 1];
    this.#state = { ...this.#state, step, epoch, loss };
    await run.appendMetrics({ type: 'step', step, epoch, loss, totalLoss, learningRate, imagesPerSecond });
    onEvent?.({ type: 'step', step, totalSteps, epoch, loss, totalLoss, learningRate, imagesPerSecond });
    if (step % stallSteps === 0) await this.#lookForStall(task.collapsedTo?.(batch, logits));
  }

  async #lookForStall(label: number | undefined): Promise<void> {
    if (label === undefined) return;
    const { run, onEvent } = this.#parts;
    const { step, epoch } = this.#state;
    const name = run.record.classes[label]!;
    await run.appendMetrics({ type: 'stalled', step, epoch, class: name });
    onEvent?.({ type: 'stalled', step, epoch, class: name });
  }

  #comparer(): ModeComparer {
    return new ModeComparer(this.#parts.run.record.classes.length);
  }

  /** Has the images of a batch run as in use, with the weights that they just trained with. */
  async #compare(comparer: ModeComparer, batch: StepBatch, training: Float32Array): Promise<void> {
    const { session, schedule, task } = this.#parts;
    const inference = (await session.predict(batch.inputs, batch.indices.length)).get(session.graph.output)!;
    if (firstNotFinite(inference) >= 0)
      throw this.#notFinite('The network in use gives no numbers any more', schedule(this.#state.step));
    task.compareModes(comparer, batch, training, inference);
  }

  #notFinite(what: string, learningRate: number, cause?: unknown): RunError {
    const { run, saver } = this.#parts;
    const { step } = this.#state;
    const checkpoint = this.#saved.step > 0 ? saver.pathOf(this.#saved.step) : undefined;
    return new RunError(
      'run/not-finite',
      `${what} after ${step} steps in ${run.path}, at a learning rate of ${learningRate}. ` +
        (checkpoint ? `The last good checkpoint is ${checkpoint}. ` : 'No checkpoint had been saved. ') +
        `Begin a new run with a lower --learning-rate${checkpoint ? ', from there with --checkpoint if you like' : ''}.`,
      { details: { step, learningRate, checkpoint }, ...(cause !== undefined && { cause }) },
    );
  }

  async #evaluate(): Promise<void> {
    const { run, session, weights, task, schedule, features, onEvent, signal } = this.#parts;
    const { step, epoch, best, evaluationsSinceBest } = this.#state;
    const onProgress = (done: number, count: number) => onEvent?.({ type: 'evaluating', step, done, count });
    const options = { onProgress, ...(features?.test && { features: features.test }), ...(signal && { signal }) };
    const evaluated = usingAverages(session, () => task.evaluate(session, weights, options));
    const result = await evaluated.catch(async (error: unknown) => {
      if (GraftError.isInstance(error) && error.code === 'run/not-finite') {
        throw this.#notFinite('The network gives no numbers any more', schedule(step - 1), error);
      }
      // The evaluation was given up; a resumed run makes it.
      await this.#stopIfAborted();
      throw error;
    });
    const modes = this.#modes && { modes: this.#modes };
    const evaluation = { step, ...scoresOf(result), ...modes };
    const isBest = best === null || qualityOf(evaluation) > qualityOf(best);
    this.#state = {
      ...this.#state,
      evaluation,
      best: isBest ? evaluation : best,
      evaluationsSinceBest: isBest ? 0 : evaluationsSinceBest + 1,
    };
    await run.appendMetrics({ type: 'evaluation', split: 'test', step, epoch, ...result, ...modes });
    onEvent?.({ type: 'evaluation', step, epoch, result, ...modes, best: isBest });
  }

  async #save(): Promise<void> {
    const { run, weights, saver, onEvent } = this.#parts;
    this.#state = { ...this.#state, metricsSize: await run.syncMetrics() };
    const saving = saver.save(weights, this.#state, this.#keeping);
    const path = await saving.catch((error: unknown) => {
      throw this.#notSaved(error);
    });
    this.#saved = this.#state;
    onEvent?.({ type: 'saved', step: this.#state.step, path });
  }

  /** What a saver says, and what the run knows besides. */
  #notSaved(error: unknown): unknown {
    if (!GraftError.isInstance(error)) return error;
    const { code, message, details } = error;
    if (code === 'run/not-finite') {
      return this.#notFinite(
        `${details.name} holds no numbers any more`,
        this.#parts.schedule(this.#state.step - 1),
        error,
      );
    }
    if (code !== 'run/cannot-write') return error;
    return new RunError(code, `${message} ${this.#parts.run.howToGoOn}`, { cause: error, details });
  }

  async #stopIfAborted(): Promise<void> {
    const { run, signal, onEvent } = this.#parts;
    if (!signal?.aborted) return;
    const { step } = this.#state;
    if (this.#state !== this.#saved) await this.#save();
    onEvent?.({ type: 'stopped', step, reason: 'aborted' });
    throw new RunError(
      'run/aborted',
      `Stopped after ${step} of ${this.#parts.totalSteps} steps. Go on with: ${run.resumption}`,
      { cause: signal.reason, details: { run: run.path, step } },
    );
  }

  #tellEnd(): void {
    const { run, onEvent } = this.#parts;
    const { step, best } = this.#state;
    const reason = this.#stoppedEarly() ? 'early' : 'finished';
    const choosesBest = run.record.earlyStop !== undefined && best !== null;
    onEvent?.({ type: 'stopped', step, reason, ...(choosesBest && { bestStep: best.step }) });
  }
}
