import { elementCount, formatRestoreTable, type GraftError, type Normalization } from '@graftjs/core';
import type { ModeComparison, RunEvent, RunScores, Translation } from '@graftjs/trainer';
import { formatCount, formatQuantity } from './print.js';
import type { Progress } from './progress.js';

/** How many skipped images, or tensors that are not taken, are named. */
const named = 5;

export const formatShare = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** A share of what may be nothing. */
export const formatKnown = (share: number | null): string => (share === null ? '-' : formatShare(share));

/** `top1 91.20 %, top5 99.70 %, loss 0.2841 on 10,000 images`; of masks `mean IoU 62.70 %, ...`. */
export function formatScores(scores: RunScores): string {
  const on = `on ${formatCount(scores.count)} images`;
  if ('top1' in scores) {
    const { top1, top5, loss } = scores;
    return `top1 ${formatShare(top1)}, top5 ${formatShare(top5)}, loss ${loss.toFixed(4)} ${on}`;
  }
  const { meanIou, pixelAccuracy, meanAccuracy, frequencyWeightedIou } = scores;
  return (
    `mean IoU ${formatKnown(meanIou)}, pixel accuracy ${formatKnown(pixelAccuracy)}, mean accuracy ` +
    `${formatKnown(meanAccuracy)}, frequency-weighted IoU ${formatKnown(frequencyWeightedIou)} ${on}`
  );
}

const listed = (names: readonly string[]): string =>
  names.slice(0, named).join(', ') + (names.length > named ? ` and ${names.length - named} more` : '');

/** How many tensors had another type. */
function describeCasts({ changes }: Translation): string {
  const casts = new Map<string, number>();
  for (const { castFrom } of changes) if (castFrom !== undefined) casts.set(castFrom, (casts.get(castFrom) ?? 0) + 1);
  return [...casts].map(([dtype, count]) => `, ${count} of them ${dtype} made float32`).join('');
}

function describeNormalization({ mean, deviation }: Normalization): string {
  const numbers = (values: readonly number[]) => values.map((value) => Number(value.toFixed(3))).join(', ');
  return `images are normalized as there: less ${numbers(mean)}, divided by ${numbers(deviation)}`;
}

/** Whose names a checkpoint had, and what was done to what was taken of it; little where they are the network's own. */
function describeNames(translation: Translation, normalization: Normalization | undefined): string {
  const { source, network, changes, dropped } = translation;
  const casts = describeCasts(translation);
  if (source === undefined && !network) return casts;
  const origin = network ? "found by walking the file's network" : `by the names of ${source}`;
  const fed = network && source !== undefined ? ` (which is taken to be fed as ${source}'s)` : '';
  const adapted = changes.filter((change) => change.adapted).map(({ variable }) => variable);
  return (
    `, ${origin}${fed}: ${changes.filter(({ permuted }) => permuted).length} of them permuted${casts}` +
    (adapted.length > 0 ? `, ${adapted.join(' and ')} adapted to what the network is fed` : '') +
    (normalization ? `; ${describeNormalization(normalization)}` : '') +
    (dropped.length > 0 ? `; not taken: ${listed(dropped)}` : '')
  );
}

function describeRestored({ path, rows, translation, normalization }: RunEvent & { type: 'restored' }): string {
  const others = rows.filter(({ status }) => status !== 'restored');
  const names = describeNames(translation, normalization);
  const count = `${rows.length - others.length} of ${rows.length} variables come from ${path}${names}`;
  const differences = translation.network?.differences;
  const table = others.length === 0 ? '' : `; the others start anew:\n${formatRestoreTable(others)}`;
  return `${count}${table}${differences === undefined ? '' : `\n${differences}`}`;
}

function describeStart({
  config,
  graph,
  step,
  totalSteps,
  counts,
  skipped,
  folder,
}: RunEvent & { type: 'start' }): string {
  const trained = new Set(config.trained);
  const parameters = (names: (name: string) => boolean) =>
    formatCount(graph.variables.reduce((sum, { name, shape }) => sum + (names(name) ? elementCount(shape) : 0), 0));
  const reasons = skipped.slice(0, named).map(({ id, reason }) => `\n  ${id}: ${reason}`);
  const more = skipped.length > named ? `\n  and ${skipped.length - named} more` : '';
  return (
    `${step === 0 ? 'Training' : `Going on after step ${step} with`} ${graph.name}: ${parameters(() => true)} parameters, ` +
    `${parameters((name) => trained.has(name))} of them trained, on ${formatCount(counts.train)} images of ` +
    `${config.classes.length} classes, ${formatCount(totalSteps)} steps, into ${folder}` +
    (skipped.length > 0 ? `\nLeft out of the data set:${reasons.join('')}${more}` : '')
  );
}

/** Tells of a checkpoint of a run that cannot be read, so that an older one takes its place. */
export function tellUnreadable(progress: Progress): (path: string, error: GraftError) => void {
  return (path, error) => progress.line(`${path} cannot be used: ${error.message}`);
}

function describeFrozen({ output, bytes, reason }: RunEvent & { type: 'frozen' }): string {
  const layers = `The frozen layers up to ${output}`;
  if (reason !== undefined) return `${layers} are computed in every step: ${reason}`;
  return `${layers} are computed once an image, and kept: ${formatQuantity(bytes, 'B')}`;
}

/** Empty where training and use come to about the same; the first time that they do not, what to do about it. */
function describeModes({ trainingLoss, inferenceLoss, part }: ModeComparison, isFirst: boolean): string {
  if (!part) return '';
  const losses = `${inferenceLoss.toFixed(4)} with the moving averages of batch normalization, and ${trainingLoss.toFixed(4)} with the batch's`;
  return (
    `\nIn use the network does worse than in training: on this step's images its loss is ${losses}.` +
    (isFirst
      ? ' The averages lag behind, or the batches are too small to tell what they are. More steps help against the former; ' +
        'a larger --batch-size, or --batch-norm frozen or recalibrated, against both.'
      : '')
  );
}

/** The first time, what to do about it. */
function describeStall({ step, class: name }: RunEvent & { type: 'stalled' }, isFirst: boolean): string {
  return (
    `Step ${step}: nearly all pixels of other classes are taken for '${name}': nothing is told apart.` +
    (isFirst
      ? " Some hundred steps of that are no harm with a network's own layers new; if it stays so, try a higher " +
        '--learning-rate, --class-weights median, weights to start from (--checkpoint), or --stages from coarse to fine.'
      : '')
  );
}

/** Tells what a run does as it goes on. */
export function showRun(progress: Progress): (event: RunEvent) => void {
  let haveParted = false;
  let haveStalled = false;
  return (event) => {
    switch (event.type) {
      case 'stage':
        haveStalled = false;
        return progress.line(`Stage ${event.index + 1} of ${event.count}: ${event.model}`);
      case 'restored':
        return progress.line(describeRestored(event));
      case 'unreadable':
        return tellUnreadable(progress)(event.path, event.error);
      case 'start':
        return progress.line(describeStart(event));
      case 'frozen':
        return progress.line(describeFrozen(event));
      case 'recalibrating':
        return progress.update('batch normalization, on train', event.done, event.count);
      case 'counting':
        return progress.update('pixels of classes, train', event.done, event.count);
      case 'stalled': {
        const text = describeStall(event, !haveStalled);
        haveStalled = true;
        return progress.line(text);
      }
      case 'features':
        return progress.update(`frozen layers, ${event.split}`, event.done, event.count);
      case 'step': {
        const { step, totalSteps, epoch, loss, imagesPerSecond } = event;
        const note = `epoch ${epoch}, ${imagesPerSecond.toFixed(1)} images/s, loss ${loss.toFixed(4)}`;
        return progress.update('training', step, totalSteps, note);
      }
      case 'evaluating':
        return progress.update('evaluating', event.done, event.count);
      case 'evaluation': {
        const { step, epoch, result, best, modes } = event;
        const scores = `${formatScores(result)}${best ? ', the best so far' : ''}`;
        progress.line(`Step ${step}, epoch ${epoch}: ${scores}${modes ? describeModes(modes, !haveParted) : ''}`);
        haveParted ||= modes?.part ?? false;
        return undefined;
      }
      case 'saved':
        return undefined;
      case 'stopped':
        if (event.reason === 'early') {
          return progress.line(`Stopped early after step ${event.step}; step ${event.bestStep} was the best.`);
        }
        return progress.stop();
    }
  };
}
