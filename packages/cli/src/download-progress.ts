import type { DownloadEvent } from '@graftjs/download';
import { formatQuantity } from './print.js';
import type { Progress } from './progress.js';
import { Rate } from './rate.js';

/** Milliseconds between two looks at a rate. */
const interval = 100;

const bytes = (count: number): string => formatQuantity(count, 'B');

/** Tells how a download goes on. */
export function showDownload(name: string, progress: Progress): (event: DownloadEvent) => void {
  let started = false;
  let [shown, at, rate] = ['', Number.NEGATIVE_INFINITY, new Rate()];
  const show = (label: string, { done, total }: { done: number; total?: number }) => {
    const now = performance.now();
    if (label !== shown) rate = new Rate();
    else if (now - at < interval && done !== total) return;
    [shown, at] = [label, now];
    const perSecond = rate.update(done);
    progress.update(label, done, total, perSecond === undefined ? '' : `${bytes(perSecond)}/s`);
  };
  return (event) => {
    switch (event.type) {
      case 'start': {
        const { address, from, total } = event;
        rate = new Rate();
        if (!started) {
          progress.line(
            `${from > 0 ? `Going on after ${bytes(from)}${total === undefined ? '' : ' of'}` : 'Fetching'}` +
              `${total === undefined ? '' : ` ${bytes(total)}`} from ${address}`,
          );
        }
        started = true;
        return;
      }
      case 'received':
        return show(name, event);
      case 'restart':
        return progress.line(`Starting over: ${event.reason}.`);
      case 'retry':
        return progress.line(`Trying again in ${event.delay / 1000} s: ${event.reason}.`);
      case 'verifying':
        return show(`checking ${name}`, event);
      case 'unpacking':
        return show(`unpacking ${name}`, event);
    }
  };
}
