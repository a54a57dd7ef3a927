import { DataError, type Image } from '@graftjs/core';
import { readImage as decode } from './read-image.js';

/** What to do about damaged images of a data set. */
export const remedy =
  "Mend or remove what is damaged, or open the data set with corrupt 'skip' (--corrupt skip) to leave it out.";

/** Reads an image of a data set, by its path. Worker threads import this module and call it, too. */
export async function readImage(path: string): Promise<Image> {
  try {
    return await decode(path);
  } catch (error) {
    const { code, message, cause, details } = error as DataError;
    if (code !== 'data/damaged-image') throw error;
    throw new DataError(code, `${message}. ${remedy}`, { cause, details });
  }
}
