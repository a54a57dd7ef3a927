const mark = Symbol.for('graftjs.error');

/** What an error may carry besides its message. */
export interface GraftErrorOptions {
  /** The lower error that led to this one; kept as it was. */
  readonly cause?: unknown;
  /** Machine-readable facts that the message also states: names, what was received, what is accepted. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/**
 * The base of every error that crosses a package border. `code` is stable across releases (`area/problem`); the
 * message says where, what was received, what is accepted and what to do next.
 */
export class GraftError extends Error {
  readonly code: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: GraftErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = new.target.name;
    this.code = code;
    this.details = options.details ?? {};
    Object.defineProperty(this, mark, { value: true });
  }

  /** True for a Graft error of any installed copy of this package, where `instanceof` sees only its own. */
  static isInstance(value: unknown): value is GraftError {
    return typeof value === 'object' && value !== null && mark in value;
  }
}

/** A graph that cannot be: shapes that do not fit, names used twice or not at all. Codes `graph/...`. */
export class GraphError extends GraftError {}

/** A checkpoint that is missing, damaged, of no known format, or that does not fit the graph. Codes `checkpoint/...`. */
export class CheckpointError extends GraftError {}

/** Data that is missing, damaged or not what its layout says. Codes `data/...`. */
export class DataError extends GraftError {}

/** A file that could not be fetched, is not what it should be, or cannot be put where it was to go. Codes `download/...`. */
export class DownloadError extends GraftError {}

/** An engine that cannot do what is asked of it on this machine. Codes `engine/...`. */
export class EngineError extends GraftError {}

/** A plugin that is missing, doubled or not a plugin. Codes `plugin/...`. */
export class PluginError extends GraftError {}

/** A training run that cannot start or go on. Codes `run/...`. */
export class RunError extends GraftError {}

/** A trained network that cannot be exported, or whose file does not do what the network does. Codes `export/...`. */
export class ExportError extends GraftError {}

/** An option whose value is not accepted. Codes `usage/...`; the command exits with status 2. */
export class UsageError extends GraftError {}

/**
 * Looks `name` up among `known`; an unknown name is a `UsageError` that lists the accepted ones.
 * @param kind what the name stands for, as it should read in the message: `optimizer`
 */
export function pick<T>(kind: string, name: string, known: Readonly<Record<string, T>>): T {
  if (Object.hasOwn(known, name)) return known[name] as T;
  const accepted = Object.keys(known);
  throw new UsageError('usage/unknown-name', `There is no ${kind} '${name}'. Accepted: ${accepted.join(', ')}.`, {
    details: { kind, received: name, accepted },
  });
}
