import { CheckpointError, type CheckpointFormat, type FileSystem, guardCheckpoint } from '@graftjs/core';

/** A folder's own record of its checkpoints: TensorFlow's file `checkpoint`, a CheckpointState message as text. */
export interface CheckpointState {
  /** The prefix of the newest checkpoint. */
  readonly modelCheckpointPath: string;
  /** The prefixes of all that are kept, oldest first. */
  readonly allModelCheckpointPaths: readonly string[];
}

export const stateFileName = 'checkpoint';
export const badStateFileCode = 'checkpoint/bad-state-file';
/** Room for some hundred thousand paths; a file beyond it is something else. */
const mostStateBytes = 1 << 24;

/**
 * Reads the state file of `folder`; paths in it that are relative count from the folder. Undefined where there is none.
 * @throws CheckpointError `checkpoint/bad-state-file`
 */
export async function readCheckpointState(folder: string, files: FileSystem): Promise<CheckpointState | undefined> {
  const path = joinPath(folder, stateFileName);
  const bytes = await guardCheckpoint(path, () => readStateFile(path, files));
  if (bytes === undefined) return undefined;
  const fields = parseTextFields(bytes, path);
  const [newest, ...more] = fields.filter(([name]) => name === 'model_checkpoint_path').map(([, value]) => value);
  if (newest === undefined || more.length > 0) throw badStateFile(path, 'it must have one model_checkpoint_path');
  const all = fields.filter(([name]) => name === 'all_model_checkpoint_paths').map(([, value]) => value);
  return {
    modelCheckpointPath: inFolder(folder, newest),
    allModelCheckpointPaths: all.map((prefix) => inFolder(folder, prefix)),
  };
}

async function readStateFile(path: string, files: FileSystem): Promise<Uint8Array | undefined> {
  if ((await files.stat(path))?.kind !== 'file') return undefined;
  const file = await files.open(path);
  try {
    if (file.size > mostStateBytes) throw badStateFile(path, `it has ${file.size} bytes`);
    const bytes = new Uint8Array(file.size);
    await file.read(0, bytes);
    return bytes;
  } finally {
    await file.close();
  }
}

/** Writes the state file of `folder`. Prefixes within the folder are kept relative, so that it may be moved. */
export async function writeCheckpointState(folder: string, state: CheckpointState, files: FileSystem): Promise<void> {
  const start = joinPath(folder, '');
  const quoted = (prefix: string) => quote(prefix.startsWith(start) ? prefix.slice(start.length) : prefix);
  const lines = [
    `model_checkpoint_path: ${quoted(state.modelCheckpointPath)}`,
    ...state.allModelCheckpointPaths.map((prefix) => `all_model_checkpoint_paths: ${quoted(prefix)}`),
  ];
  const path = joinPath(folder, stateFileName);
  await guardCheckpoint(path, () => files.write(path, [new TextEncoder().encode(`${lines.join('\n')}\n`)]));
}

/** What a format notes in a folder of checkpoints, given by their prefixes, the newest last: TensorFlow's state file. */
export const writeState: NonNullable<CheckpointFormat['writeState']> = (folder, paths, files) =>
  writeCheckpointState(folder, { modelCheckpointPath: paths.at(-1) as string, allModelCheckpointPaths: paths }, files);

function inFolder(folder: string, path: string): string {
  return /^(\/|[A-Za-z]:[\\/])/.test(path) ? path : joinPath(folder, path);
}

/** `path` within `folder`, which may end in slashes. */
export function joinPath(folder: string, path: string): string {
  return `${folder.replace(/\/+$/, '')}/${path}`;
}

function badStateFile(path: string, problem: string, cause?: unknown): CheckpointError {
  return new CheckpointError(
    badStateFileCode,
    `${path} is no checkpoint state file as TensorFlow writes it: ${problem}. Name a checkpoint by its prefix instead.`,
    { details: { path }, ...(cause === undefined ? {} : { cause }) },
  );
}

/** What text format is made of: space, comments, quoted strings, words and numbers, punctuation. */
const tokenPattern = /\s+|#[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[\w.+-]+|[:,;]/y;

/** The string fields of a message without submessages, in the text format of protocol buffers. */
function parseTextFields(bytes: Uint8Array, path: string): [name: string, value: string][] {
  const tokens = tokenize(bytes, path);
  const fields: [string, string][] = [];
  for (let at = 0; at < tokens.length; ) {
    const name = tokens[at++] as string;
    if (!/^[A-Za-z_]\w*$/.test(name) || tokens[at++] !== ':') throw badStateFile(path, `'${name}' begins no field`);
    let value = '';
    const first = at;
    for (; /^["']/.test(tokens[at] ?? ''); at++) value += unquote(tokens[at] as string, path);
    if (at > first) fields.push([name, value]);
    else if (!/^[\w.+-]/.test(tokens[at++] ?? '')) throw badStateFile(path, `the field ${name} has no value`);
    if (tokens[at] === ',' || tokens[at] === ';') at++;
  }
  return fields;
}

function tokenize(bytes: Uint8Array, path: string): string[] {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw badStateFile(path, 'it is no UTF-8 text', cause);
  }
  const tokens: string[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < text.length) {
    const at = tokenPattern.lastIndex;
    const token = tokenPattern.exec(text)?.[0];
    if (token === undefined) throw badStateFile(path, `line ${text.slice(0, at).split('\n').length} cannot be read`);
    if (!/^[\s#]/.test(token)) tokens.push(token);
  }
  return tokens;
}

/** What follows the backslash of an escape that is no number. */
const escapes: Readonly<Record<string, string>> = { a: '\x07', b: '\b', t: '\t', n: '\n', v: '\v', f: '\f', r: '\r' };

/** The text of a quoted string; an octal or hexadecimal escape stands for one byte of UTF-8. */
function unquote(quoted: string, path: string): string {
  const bytes: number[] = [];
  for (const [token] of quoted.slice(1, -1).matchAll(/\\[0-7]{1,3}|\\x[\da-fA-F]{1,2}|\\.|[^\\]+/gs)) {
    if (/^\\[0-7]/.test(token)) bytes.push(Number.parseInt(token.slice(1), 8) & 0xff);
    else if (/^\\x./.test(token)) bytes.push(Number.parseInt(token.slice(2), 16));
    else {
      const text = token.startsWith('\\') ? (escapes[token.slice(1)] ?? token.slice(1)) : token;
      for (const byte of new TextEncoder().encode(text)) bytes.push(byte);
    }
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes));
  } catch (cause) {
    throw badStateFile(path, `the path ${quoted} is no UTF-8 text`, cause);
  }
}

function quote(text: string): string {
  let quoted = '';
  for (const byte of new TextEncoder().encode(text)) {
    const character = String.fromCharCode(byte);
    if (character === '"' || character === '\\') quoted += `\\${character}`;
    else if (byte >= 0x20 && byte < 0x7f) quoted += character;
    else quoted += `\\${byte.toString(8).padStart(3, '0')}`;
  }
  return `"${quoted}"`;
}
