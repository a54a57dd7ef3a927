/** In pixels of the page; it is as wide as what it stands in. */
const [height, left, right, top, bottom] = [170, 4, 4, 22, 20];

interface Point {
  readonly step: number;
  readonly value: number;
}

const namespace = 'http://www.w3.org/2000/svg';

function svg(tag: string, attributes: Readonly<Record<string, string | number>>, text = ''): SVGElement {
  const element = document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
}

/** Loss by step, and the share of held-out images that are classified right. */
export class Chart {
  readonly #root: HTMLElement;
  readonly #loss: Point[] = [];
  readonly #right: Point[] = [];
  readonly #steps: number;

  /** @param steps of the whole training */
  constructor(root: HTMLElement, steps: number) {
    this.#root = root;
    this.#steps = steps;
    this.#draw();
  }

  addLoss(step: number, value: number): void {
    this.#loss.push({ step, value });
    this.#draw();
  }

  /** @param value from 0 to 1 */
  addRight(step: number, value: number): void {
    this.#right.push({ step, value });
    this.#draw();
  }

  #line(className: string, points: readonly Point[], most: number, width: number): SVGElement {
    const places = points.map(({ step, value }) => {
      const x = left + ((width - left - right) * step) / this.#steps;
      const y = height - bottom - ((height - top - bottom) * value) / most;
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    });
    return svg('polyline', { class: className, points: places.join(' '), 'vector-effect': 'non-scaling-stroke' });
  }

  #draw(): void {
    const width = this.#root.clientWidth;
    const image = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': 'Loss and accuracy' });
    const most = Math.max(...this.#loss.map(({ value }) => value), 1e-6);
    const base = height - bottom;
    image.append(
      svg('line', { class: 'axis', x1: left, x2: width - right, y1: base, y2: base }),
      svg('text', { class: 'of-loss', x: left, y: top - 5 }, `loss, up to ${most.toFixed(2)}`),
      svg(
        'text',
        { class: 'of-right', x: width - right, y: top - 5, 'text-anchor': 'end' },
        'held-out right, up to 100%',
      ),
      svg('text', { x: left, y: height - 4 }, 'first step'),
      svg('text', { x: width - right, y: height - 4, 'text-anchor': 'end' }, `step ${this.#steps}`),
      this.#line('loss', this.#loss, most, width),
      this.#line('right', this.#right, 1, width),
    );
    this.#root.replaceChildren(image);
  }
}
