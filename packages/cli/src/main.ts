import { GraftError } from '@graftjs/core';
import { CommanderError } from 'commander';
import { describeError } from './describe-error.js';
import { createProgram } from './program.js';

// A reader that has seen enough, such as `head`, closes the pipe: that is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
}

/** 2 for wrong usage, 130 for what the user stopped, else 1. */
function exitStatus(error: unknown): number {
  if (!GraftError.isInstance(error)) return 1;
  if (error.code.endsWith('/aborted')) return 130;
  return error.code.startsWith('usage/') ? 2 : 1;
}

try {
  await createProgram().parseAsync();
} catch (error) {
  // Commander has printed its own errors, and help, already.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    process.stderr.write(`${describeError(error)}\n`);
    process.exitCode = exitStatus(error);
  }
}
