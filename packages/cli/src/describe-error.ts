import { inspect } from 'node:util';
import { GraftError } from '@graftjs/core';
import { packageOf } from './package-of.js';

/** An error of the operating system: a file that is missing, a disk that is full. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/** What to do about a missing plugin, after the message that says so. */
function remedy({ code, details: { kind, name, accepted } }: GraftError): string {
  if (code !== 'plugin/missing') return '';
  const wanted = packageOf(kind, name);
  const isInstalled = (accepted as readonly string[]).some((known) => packageOf(kind, known) === wanted);
  return wanted === undefined || isInstalled ? '' : ` Install it: npm install ${wanted}`;
}

/**
 * What the user is told of an error: the message of one that Graft or the operating system raised, and of any other the
 * stack with a request to report it. Where the environment has GRAFT_DEBUG, always the stack, with all causes.
 */
export function describeError(error: unknown): string {
  const known = GraftError.isInstance(error) || isSystemError(error);
  const message = GraftError.isInstance(error) ? error.message + remedy(error) : known ? error.message : '';
  const shown = known ? `Error: ${message}` : 'Error: Graft failed in a way that it should not. Please report this:';
  return known && !process.env.GRAFT_DEBUG ? shown : `${shown}\n${inspect(error, { depth: 8 })}`;
}
