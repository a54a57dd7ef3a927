import * as core from '@graftjs/core';

const { GraftError } = core;

/** The class of a coded error by its name; that of a plugin's own is only known as a `GraftError`. */
function classOf(name: string): typeof GraftError {
  const found = (core as Readonly<Record<string, unknown>>)[name];
  const known = typeof found === 'function' && found.prototype instanceof GraftError;
  return known ? (found as typeof GraftError) : GraftError;
}

/** What is left of an error that goes to another thread, where neither its class nor the fields of its own would arrive. */
export interface ErrorMessage {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** Whether it is a `GraftError`. */
  readonly coded: boolean;
  /** Its own fields, such as `code` and `details`. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly cause?: { readonly error: ErrorMessage } | { readonly value: unknown };
}

/** The value, or as text where it cannot be posted. */
function posted(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return String(value);
  }
}

/** What to post of an error; of a thrown value that is none, an error that says it. */
export function toErrorMessage(thrown: unknown): ErrorMessage {
  const error = thrown instanceof Error || GraftError.isInstance(thrown) ? thrown : new Error(String(thrown));
  const { name, message, stack, cause } = error;
  return {
    name,
    message,
    stack,
    coded: GraftError.isInstance(error),
    fields: Object.fromEntries(Object.entries(error).map(([key, value]) => [key, posted(value)])),
    ...('cause' in error && {
      cause: cause instanceof Error ? { error: toErrorMessage(cause) } : { value: posted(cause) },
    }),
  };
}

/** The error again: of its class, if that is one of core's, with its stack and the cause that it had. */
export function fromErrorMessage({ name, message, stack, coded, fields, cause }: ErrorMessage): Error {
  const options = cause && { cause: 'error' in cause ? fromErrorMessage(cause.error) : cause.value };
  const error = coded ? new (classOf(name))(String(fields.code), message, options) : new Error(message, options);
  Object.assign(error, fields);
  for (const [key, value] of Object.entries({ name, stack })) {
    Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: key in fields });
  }
  return error;
}
