import { decodeImage } from './decode-image.js';
import { make } from './elements.js';
import type { ChosenImage, ImageClass } from './images-dataset.js';

/** The cards in which classes are named and given their images. */
export class ClassList {
  readonly #root: HTMLElement;
  readonly #onChange: () => void;
  readonly #onRefused: (problems: readonly string[]) => void;
  #cards: ClassCard[] = [];

  /**
   * @param onChange called after each change of a name or of images
   * @param onRefused called with what is wrong with files that were added, nothing where all are taken
   */
  constructor(root: HTMLElement, onChange: () => void, onRefused: (problems: readonly string[]) => void) {
    this.#root = root;
    this.#onChange = onChange;
    this.#onRefused = onRefused;
  }

  get classes(): readonly ImageClass[] {
    return this.#cards;
  }

  add(name: string): ClassCard {
    const card = new ClassCard(name, this.#onChange, this.#onRefused, () => {
      this.#cards = this.#cards.filter((other) => other !== card);
      this.#onChange();
    });
    this.#cards.push(card);
    this.#root.append(card.element);
    this.#onChange();
    return card;
  }

  /** Adds files to the classes that are named as their folders; classes without images make room for them. */
  async addFolder(files: readonly File[]): Promise<void> {
    const folders = new Map<string, File[]>();
    for (const file of files) {
      const folder = file.webkitRelativePath.split('/').at(-2);
      if (folder !== undefined) folders.set(folder, [...(folders.get(folder) ?? []), file]);
    }
    for (const card of this.#cards) if (card.images.length === 0) card.remove();
    for (const [name, inside] of folders) {
      const card = this.#cards.find((known) => known.name === name) ?? this.add(name);
      await card.addFiles(inside);
    }
  }
}

/** One class. */
class ClassCard implements ImageClass {
  readonly element: HTMLElement;
  readonly images: ChosenImage[] = [];
  readonly #name: HTMLInputElement;
  readonly #thumbnails = make('div', { className: 'thumbnails' });
  readonly #count = make('span');
  readonly #onChange: () => void;
  readonly #onRefused: (problems: readonly string[]) => void;
  readonly #onRemove: () => void;

  constructor(
    name: string,
    onChange: () => void,
    onRefused: (problems: readonly string[]) => void,
    onRemove: () => void,
  ) {
    this.#onChange = onChange;
    this.#onRefused = onRefused;
    this.#onRemove = onRemove;
    this.#name = make('input', { type: 'text', value: name, ariaLabel: 'Name of the class' });
    this.#name.addEventListener('input', onChange);
    const remove = make('button', { type: 'button', textContent: '×', title: 'Remove this class' });
    remove.addEventListener('click', () => this.remove());
    const files = make('input', { type: 'file', accept: 'image/*', multiple: true });
    files.addEventListener('change', () => this.addFiles([...(files.files ?? [])]));
    this.element = make(
      'article',
      { className: 'class' },
      make('header', {}, this.#name, remove),
      this.#thumbnails,
      make('footer', {}, this.#count, make('label', { className: 'button' }, 'Add images', files)),
    );
    this.#takeDrops();
    this.#showCount();
  }

  get name(): string {
    return this.#name.value;
  }

  remove(): void {
    for (const { url } of this.images) URL.revokeObjectURL(url);
    this.element.remove();
    this.#onRemove();
  }

  /** Files that are no images are told of, and the others taken. */
  async addFiles(files: readonly File[]): Promise<void> {
    const problems: string[] = [];
    for (const file of files) {
      try {
        const image = await decodeImage(file);
        const url = URL.createObjectURL(file);
        this.images.push({ name: file.name, image, url });
        this.#thumbnails.append(make('img', { src: url, alt: file.name, title: file.name }));
      } catch (error) {
        problems.push((error as Error).message);
      }
    }
    this.#onRefused(problems);
    this.#showCount();
    this.#onChange();
  }

  #showCount(): void {
    const { length } = this.images;
    this.#count.textContent = length === 1 ? '1 image' : `${length || 'no'} images`;
  }

  #takeDrops(): void {
    const { element } = this;
    element.addEventListener('dragover', (event) => {
      event.preventDefault();
      element.classList.add('over');
    });
    element.addEventListener('dragleave', () => element.classList.remove('over'));
    element.addEventListener('drop', (event) => {
      event.preventDefault();
      element.classList.remove('over');
      this.addFiles([...(event.dataTransfer?.files ?? [])]);
    });
  }
}
