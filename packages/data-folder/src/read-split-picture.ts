import { DataError, type Picture } from '@graftjs/core';
import { readPicture as decode } from './read-picture.js';

/** What to do about damaged pictures of a data set. */
export const remedy =
  "Mend or remove what is damaged, or open the data set with corrupt 'skip' (--corrupt skip) to leave it out.";

/** Reads a picture of a data set, by its path. Worker threads import this module and call it, too. */
export async function readPicture(path: string): Promise<Picture> {
  try {
    return await decode(path);
  } catch (error) {
    const { code, message, cause, details } = error as DataError;
    if (code !== 'data/damaged-picture') throw error;
    throw new DataError(code, `${message}. ${remedy}`, { cause, details });
  }
}
