import { CheckpointError, GraftError } from './errors.js';

/**
 * The error for bytes that no writer of a format leaves behind.
 * @param position of the damage in bytes from the start of the file, where it can be told
 */
export function damagedCheckpoint(
  path: string,
  position: number | undefined,
  problem: string,
  cause?: unknown,
): CheckpointError {
  const place = position === undefined ? '' : ` at byte ${position}`;
  return new CheckpointError(
    'checkpoint/damaged',
    `${path} is damaged${place}: ${problem}. Fetch or copy it again, or use another checkpoint.`,
    { details: { path, position, problem }, ...(cause === undefined ? {} : { cause }) },
  );
}

/** Runs `work`; what it throws beside Graft's own errors (a file that is gone, no permission) becomes a `CheckpointError`. */
export async function guardCheckpoint<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (GraftError.isInstance(cause)) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CheckpointError(
      'checkpoint/file-access',
      `The files of the checkpoint ${path} cannot be used: ${reason}`,
      { cause, details: { path } },
    );
  }
}

/** The error for a name that an open checkpoint of `count` variables does not hold. */
export function unknownVariable(path: string, name: string, count: number): CheckpointError {
  return new CheckpointError(
    'checkpoint/unknown-variable',
    `There is no variable '${name}' in ${path}; it has ${count} others, listed by \`tensors\`.`,
    { details: { path, name } },
  );
}
