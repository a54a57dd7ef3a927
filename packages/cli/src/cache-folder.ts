import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where what can be computed again is kept: GRAFT_CACHE, else `graft` in the user's cache folder. */
export function cacheFolder(): string {
  const { GRAFT_CACHE, XDG_CACHE_HOME } = process.env;
  return GRAFT_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'graft');
}

/** Where downloads go, and are looked for, where no folder is named. */
export function dataFolder(): string {
  return join(cacheFolder(), 'data');
}
