import { CheckpointError, type FileSystem, GraftError, guardCheckpoint } from '@graftjs/core';
import { badStateFileCode, joinPath, readCheckpointState, stateFileName } from './checkpoint-state.js';
import { isTable } from './table-reader.js';

/** Where a checkpoint is. */
export interface CheckpointLocation {
  readonly version: 1 | 2;
  /** The name that TensorFlow calls the checkpoint by. */
  readonly prefix: string;
  /** V1: the file, or the shards in their order. V2: the index, then the data files in their order. */
  readonly files: readonly string[];
}

const shardPattern = /^(.*)-(\d{5,})-of-(\d{5,})$/s;
const dataPattern = /^(.*)\.data-(\d{5,})-of-(\d{5,})$/s;
const indexSuffix = '.index';

/** `00003-of-00012`, as both versions number their shards. */
export function shardSuffix(shard: number, shards: number): string {
  return `${String(shard).padStart(5, '0')}-of-${String(shards).padStart(5, '0')}`;
}

export function indexPath(prefix: string): string {
  return `${prefix}${indexSuffix}`;
}

export function dataPath(prefix: string, shard: number, shards: number): string {
  return `${prefix}.data-${shardSuffix(shard, shards)}`;
}

/**
 * Whether `path` names a checkpoint of this version: its first file ends as a table does or, so that one that was cut short
 * is known for what it is, begins as V1 does.
 */
export async function isCheckpoint(version: 1 | 2, path: string, files: FileSystem): Promise<boolean> {
  try {
    const location = await locateCheckpoint(path, files);
    if (location?.version !== version) return false;
    const first = location.files[0] as string;
    return (await endsAsTable(first, files)) || (version === 1 && (await beginsAsV1(first, files)));
  } catch (error) {
    // A folder may have a file called `checkpoint` that is something else.
    if (GraftError.isInstance(error) && error.code === badStateFileCode) return false;
    throw error;
  }
}

/** @throws CheckpointError `checkpoint/not-found`, `checkpoint/other-format`; those of `locateCheckpoint` */
export async function existingCheckpoint(version: 1 | 2, path: string, files: FileSystem): Promise<CheckpointLocation> {
  const location = await locateCheckpoint(path, files);
  if (location === undefined) {
    throw new CheckpointError(
      'checkpoint/not-found',
      `There is no TensorFlow checkpoint at ${path}. Name its prefix, one of its files, or a folder with a file '${stateFileName}'.`,
      { details: { path } },
    );
  }
  if (location.version === version) return location;
  throw new CheckpointError(
    'checkpoint/other-format',
    `${location.prefix} is a checkpoint of version ${location.version} and not ${version}: use slim-v${location.version}.`,
    { details: { path, received: location.version, accepted: version } },
  );
}

/**
 * Finds the checkpoint that `path` names: its prefix, one of its files, a folder or its state file (then the newest in
 * it). Undefined where there is none.
 * @throws CheckpointError `checkpoint/incomplete` for missing shards; those of `latestCheckpoint`
 */
export async function locateCheckpoint(path: string, files: FileSystem): Promise<CheckpointLocation | undefined> {
  const found = await files.stat(path);
  const newest = found?.kind === 'folder' ? await locateLatest(path, files) : undefined;
  const located = newest ?? (await locatePrefix(path, files));
  if (located !== undefined || found?.kind !== 'file') return located;
  const { folder, name } = splitPath(path);
  if (name === stateFileName) return locateLatest(folder, files);
  if (name.endsWith(indexSuffix)) return locatePrefix(path.slice(0, -indexSuffix.length), files);
  const data = dataPattern.exec(path);
  return data === null ? undefined : locatePrefix(data[1] as string, files);
}

/**
 * The prefix of the newest checkpoint in `folder` by its state file; undefined where the folder has none. A path that
 * is absolute and gone is looked for in the folder itself, since folders get moved.
 * @throws CheckpointError `checkpoint/not-found` where the state file names a checkpoint that is not there
 */
export async function latestCheckpoint(folder: string, files: FileSystem): Promise<string | undefined> {
  return (await guardCheckpoint(folder, () => locateLatest(folder, files)))?.prefix;
}

async function locateLatest(folder: string, files: FileSystem): Promise<CheckpointLocation | undefined> {
  const state = await readCheckpointState(folder, files);
  if (state === undefined) return undefined;
  const named = state.modelCheckpointPath;
  const beside = joinPath(folder, splitPath(named).name);
  const location = (await locatePrefix(named, files)) ?? (await locatePrefix(beside, files));
  if (location !== undefined) return location;
  throw new CheckpointError(
    'checkpoint/not-found',
    `${joinPath(folder, stateFileName)} names ${named} as the newest checkpoint, and there is none. Name another one by its prefix.`,
    { details: { folder, prefix: named } },
  );
}

/** V2 comes first where both are there, as in TensorFlow. */
async function locatePrefix(prefix: string, files: FileSystem): Promise<CheckpointLocation | undefined> {
  const { start, folder, name } = splitPath(prefix);
  if (name === '') return undefined;
  const index = await files.stat(indexPath(prefix));
  const names = (await files.stat(folder))?.kind === 'folder' ? await files.list(folder) : [];
  if (index?.kind === 'file') {
    const data = names.filter((candidate) => dataPattern.exec(candidate)?.[1] === name);
    return { version: 2, prefix, files: [indexPath(prefix), ...data.map((file) => `${start}${file}`)] };
  }
  const shard = shardPattern.exec(prefix);
  if (shard !== null && (await endsAsTable(prefix, files))) {
    const [, whole, , shards] = shard;
    return { version: 1, prefix: whole as string, files: shardFiles(whole as string, Number(shards), names) };
  }
  if (await endsAsTable(prefix, files)) {
    return name.endsWith(indexSuffix) ? undefined : { version: 1, prefix, files: [prefix] };
  }
  const totals = new Set<number>();
  for (const candidate of names) {
    const match = shardPattern.exec(candidate);
    if (match?.[1] === name) totals.add(Number(match[3]));
  }
  const [shards, ...others] = totals;
  if (shards === undefined)
    return (await beginsAsV1(prefix, files)) ? { version: 1, prefix, files: [prefix] } : undefined;
  if (others.length > 0) {
    throw new CheckpointError(
      'checkpoint/incomplete',
      `There are shards of several checkpoints ${prefix}: of ${[...totals].join(', of ')}. Name one by a shard of it.`,
      { details: { prefix, totals: [...totals] } },
    );
  }
  return { version: 1, prefix, files: shardFiles(prefix, shards, names) };
}

function shardFiles(prefix: string, shards: number, names: readonly string[]): string[] {
  const { start, name } = splitPath(prefix);
  const present = names.filter((candidate) => {
    const shard = Number(shardPattern.exec(candidate)?.[2]);
    return shard < shards && candidate === `${name}-${shardSuffix(shard, shards)}`;
  });
  if (present.length !== shards) {
    const missing: string[] = [];
    for (let shard = 0; shard < shards && missing.length < 3; shard++) {
      const file = `${name}-${shardSuffix(shard, shards)}`;
      if (!present.includes(file)) missing.push(file);
    }
    throw new CheckpointError(
      'checkpoint/incomplete',
      `The checkpoint ${prefix} has ${shards} shards of which ${present.length} are there. Missing: ${missing.join(', ')}${shards - present.length > missing.length ? ' and more' : ''}.`,
      { details: { prefix, shards, present: present.length, missing } },
    );
  }
  return present.map((file) => `${start}${file}`);
}

async function endsAsTable(path: string, files: FileSystem): Promise<boolean> {
  if ((await files.stat(path))?.kind !== 'file') return false;
  const file = await files.open(path);
  try {
    return await isTable(file);
  } finally {
    await file.close();
  }
}

/** A V1 table's first entry has an empty key, and a SavedTensorSlices message whose first field is `meta` (number 1). */
async function beginsAsV1(path: string, files: FileSystem): Promise<boolean> {
  if ((await files.stat(path))?.kind !== 'file') return false;
  const file = await files.open(path);
  try {
    // Bytes shared with the last key, bytes of the key, the value's length as a varint, the value.
    const head = new Uint8Array(Math.min(file.size, 8));
    await file.read(0, head);
    const lengthEnd = head.findIndex((byte, place) => place >= 2 && byte < 0x80);
    return head[0] === 0 && head[1] === 0 && lengthEnd > 0 && head[lengthEnd + 1] === 0x0a;
  } finally {
    await file.close();
  }
}

/** A path in two: up to its last slash, and the rest; and the folder by a name that is never empty. */
function splitPath(path: string): { start: string; name: string; folder: string } {
  const at = path.lastIndexOf('/');
  return {
    start: path.slice(0, at + 1),
    name: path.slice(at + 1),
    folder: at < 0 ? '.' : path.slice(0, Math.max(at, 1)),
  };
}
