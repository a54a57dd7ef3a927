import { elementCount, formatRestoreTable, type GraftError } from '@graftjs/core';
import type { RunEvent, Scores, Translation } from '@graftjs/trainer';
import { formatCount, formatQuantity } from './print.js';
import type { Progress } from './progress.js';

/** How many skipped pictures are named. */
const named = 5;

export const formatShare = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** `top1 91.20 %, top5 99.70 %, loss 0.2841 on 10,000 pictures`. */
export function formatScores({ top1, top5, loss, count }: Scores): string {
  return `top1 ${formatShare(top1)}, top5 ${formatShare(top5)}, loss ${loss.toFixed(4)} on ${formatCount(count)} pictures`;
}

/** Whose names a checkpoint had, and what was done to what was taken of it; nothing where they are the network's own. */
function describeNames({ source, changes, dropped }: Translation): string {
  if (source === undefined) return '';
  const adapted = changes.filter((change) => change.adapted).map(({ variable }) => variable);
  return (
    `, by the names of ${source}: ${changes.filter(({ permuted }) => permuted).length} of them permuted` +
    (adapted.length > 0 ? `, ${adapted.join(' and ')} adapted to what the network is fed` : '') +
    (dropped.length > 0 ? `; not taken: ${dropped.join(', ')}` : '')
  );
}

function describeRestored({ path, rows, translation }: RunEvent & { type: 'restored' }): string {
  const others = rows.filter(({ status }) => status !== 'restored');
  const names = describeNames(translation);
  const count = `${rows.length - others.length} of ${rows.length} variables come from ${path}${names}`;
  return others.length === 0 ? count : `${count}; the others start anew:\n${formatRestoreTable(others)}`;
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
    `${parameters((name) => trained.has(name))} of them trained, on ${formatCount(counts.train)} pictures of ` +
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
  return `${layers} are computed once a picture, and kept: ${formatQuantity(bytes, 'B')}`;
}

/** Tells what a run does as it goes on. */
export function showRun(progress: Progress): (event: RunEvent) => void {
  return (event) => {
    switch (event.type) {
      case 'restored':
        return progress.line(describeRestored(event));
      case 'unreadable':
        return tellUnreadable(progress)(event.path, event.error);
      case 'start':
        return progress.line(describeStart(event));
      case 'frozen':
        return progress.line(describeFrozen(event));
      case 'features':
        return progress.update(`frozen layers, ${event.split}`, event.done, event.count);
      case 'step': {
        const { step, totalSteps, epoch, loss, imagesPerSecond } = event;
        const note = `epoch ${epoch}, ${imagesPerSecond.toFixed(1)} pictures/s, loss ${loss.toFixed(4)}`;
        return progress.update('training', step, totalSteps, note);
      }
      case 'evaluating':
        return progress.update('evaluating', event.done, event.count);
      case 'evaluation': {
        const { step, epoch, result, best } = event;
        return progress.line(`Step ${step}, epoch ${epoch}: ${formatScores(result)}${best ? ', the best so far' : ''}`);
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
