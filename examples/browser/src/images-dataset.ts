import { type Dataset, type Image, type Split, UsageError } from '@graftjs/core';

/** An image that was chosen in the page. */
export interface ChosenImage {
  /** Of its file. */
  readonly name: string;
  readonly image: Image;
  /** What an `img` shows it by. */
  readonly url: string;
}

/** A class, and its images. */
export interface ImageClass {
  readonly name: string;
  readonly images: readonly ChosenImage[];
}

interface Labelled {
  readonly label: number;
  readonly chosen: ChosenImage;
}

/** Every fifth image of a class is kept for testing, and at least its first. */
const isHeldOut = (index: number): boolean => index % 5 === 0;

function labelled(classes: readonly ImageClass[], heldOut: boolean): Labelled[] {
  return classes.flatMap(({ images }, label) =>
    images.filter((_, index) => isHeldOut(index) === heldOut).map((chosen) => ({ label, chosen })),
  );
}

/** The images that the network is tested on. */
export const heldOutImages = (classes: readonly ImageClass[]): Labelled[] => labelled(classes, true);

function splitOf(images: readonly Labelled[]): Split {
  return {
    labels: Int32Array.from(images, ({ label }) => label),
    id: (index) => images[index]!.chosen.name,
    read: async (index) => images[index]!.chosen.image,
  };
}

/** What is wrong with the classes, for people; undefined where a network can be trained on them. */
export function problemOf(classes: readonly ImageClass[]): string | undefined {
  if (classes.length < 2) return 'There must be two classes or more.';
  const unnamed = classes.some(({ name }) => name.trim() === '');
  if (unnamed) return 'Each class must have a name.';
  const names = classes.map(({ name }) => name.trim());
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) return `Two classes are named '${twice}'.`;
  const few = classes.find(({ images }) => images.length < 2);
  return few && `'${few.name}' must have two images or more: one is kept for testing.`;
}

/** The classes of the page as a data set. */
export function imagesDataset(classes: readonly ImageClass[]): Dataset {
  return {
    name: 'images',
    description: 'the images that were chosen in the page',
    async open() {
      const problem = problemOf(classes);
      if (problem !== undefined) throw new UsageError('usage/classes', problem);
      return {
        classes: classes.map(({ name }) => name.trim()),
        splits: { train: splitOf(labelled(classes, false)), test: splitOf(heldOutImages(classes)) },
        skipped: [],
        close: async () => {},
      };
    },
  };
}
