import { type Dataset, type Picture, type Split, UsageError } from '@graftjs/core';

/** A picture that was chosen in the page. */
export interface ChosenPicture {
  /** Of its file. */
  readonly name: string;
  readonly picture: Picture;
  /** What an `img` shows it by. */
  readonly url: string;
}

/** A class, and its pictures. */
export interface PictureClass {
  readonly name: string;
  readonly pictures: readonly ChosenPicture[];
}

interface Labelled {
  readonly label: number;
  readonly chosen: ChosenPicture;
}

/** Every fifth picture of a class is kept for testing, and at least its first. */
const isHeldOut = (index: number): boolean => index % 5 === 0;

function labelled(classes: readonly PictureClass[], heldOut: boolean): Labelled[] {
  return classes.flatMap(({ pictures }, label) =>
    pictures.filter((_, index) => isHeldOut(index) === heldOut).map((chosen) => ({ label, chosen })),
  );
}

/** The pictures that the network is tested on. */
export const heldOutPictures = (classes: readonly PictureClass[]): Labelled[] => labelled(classes, true);

function splitOf(pictures: readonly Labelled[]): Split {
  return {
    labels: Int32Array.from(pictures, ({ label }) => label),
    id: (index) => pictures[index]!.chosen.name,
    read: async (index) => pictures[index]!.chosen.picture,
  };
}

/** What is wrong with the classes, for people; undefined where a network can be trained on them. */
export function problemOf(classes: readonly PictureClass[]): string | undefined {
  if (classes.length < 2) return 'There must be two classes or more.';
  const unnamed = classes.some(({ name }) => name.trim() === '');
  if (unnamed) return 'Each class must have a name.';
  const names = classes.map(({ name }) => name.trim());
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) return `Two classes are named '${twice}'.`;
  const few = classes.find(({ pictures }) => pictures.length < 2);
  return few && `'${few.name}' must have two pictures or more: one is kept for testing.`;
}

/** The classes of the page as a data set. */
export function picturesDataset(classes: readonly PictureClass[]): Dataset {
  return {
    name: 'pictures',
    description: 'the pictures that were chosen in the page',
    async open() {
      const problem = problemOf(classes);
      if (problem !== undefined) throw new UsageError('usage/classes', problem);
      return {
        classes: classes.map(({ name }) => name.trim()),
        splits: { train: splitOf(labelled(classes, false)), test: splitOf(heldOutPictures(classes)) },
        skipped: [],
        close: async () => {},
      };
    },
  };
}
