import type { Prediction } from '@graftjs/trainer';
import { make } from './elements.js';

/** How many classes are shown of many. */
const shown = 3;

const percent = (share: number): string => `${(100 * share).toFixed(share > 0.995 || share < 0.005 ? 1 : 0)}%`;

/**
 * An image and what the network takes it for.
 * @param truth the class that it is of, where that is known
 */
export function answerFigure(
  url: string,
  name: string,
  predictions: readonly Prediction[],
  truth?: string,
): HTMLElement {
  const [first] = predictions;
  const isWrong = truth !== undefined && first!.name !== truth;
  const verdict = truth === undefined ? '' : isWrong ? ' wrong' : ' right';
  const said = isWrong ? `${first!.name}, but is ${truth}` : first!.name;
  const shares = predictions
    .slice(0, shown)
    .map(({ name: label, probability }) =>
      make(
        'div',
        { className: 'share' },
        make('span', { textContent: label }),
        make('span', { textContent: percent(probability) }),
        make('meter', { value: probability, ariaLabel: label }),
      ),
    );
  return make(
    'figure',
    { className: `answer${verdict}` },
    make('img', { src: url, alt: name }),
    make('figcaption', {}, make('strong', { textContent: said, title: name }), ...shares),
  );
}
