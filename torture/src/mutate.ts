import type { Random } from '@graftjs/core';
import { changeBytes } from '@graftjs/core/testing';
import { changeMessage, oddNumber, pick } from './change-message.js';
import type { Fixture } from './fixtures.js';
import type { Mutation } from './mutation.js';
import {
  type Block,
  blockOf,
  blocksOf,
  type Entry,
  entriesOf,
  type Handle,
  type Header,
  type Lies,
  sealTable,
} from './sealed-table.js';
import { encodeFields, maskedCrc, parseFields, varint } from './wire.js';

/** A fixture taken apart. */
export interface Subject {
  readonly fixture: Fixture;
  /** By path. */
  readonly tables: ReadonlyMap<string, readonly Block[]>;
  readonly dataPaths: readonly string[];
  /** Whether a V2 checkpoint keeps a variable in slices, which have keys of their own that begin with a zero. */
  readonly isSliced: boolean;
}

const isData = (path: string) => path.includes('.data-');

export function takeApart(fixture: Fixture): Subject {
  const paths = [...fixture.files.keys()];
  const tables = paths
    .filter((path) => !isData(path))
    .map((path) => [path, blocksOf(fixture.files.get(path)!)] as const);
  const dataPaths = paths.filter(isData);
  const keys = tables.flatMap(([, blocks]) =>
    blocks.flatMap(({ contents }) => entriesOf(contents).map(({ key }) => key)),
  );
  return {
    fixture,
    tables: new Map(tables),
    dataPaths,
    isSliced: dataPaths.length > 0 && keys.some(([first]) => first === 0),
  };
}

/** Changes one block of a table and seals it. */
function withBlock(
  { fixture, tables, dataPaths, isSliced }: Subject,
  random: Random,
  what: string,
  change: (block: Block) => Block,
  lies: Lies = {},
): Mutation {
  const [path, blocks] = pick([...tables], random);
  const at = random.below(blocks.length);
  const changed = blocks.map((block, index) => (index === at ? change(block) : block));
  return {
    what: `${what} of block ${at} of ${path}`,
    files: new Map(fixture.files).set(path, sealTable(changed, lies)),
    checksums: isSliced || dataPaths.length === 0 ? 'silent' : 'sealed',
  };
}

type Mutator = (subject: Subject, random: Random) => Mutation | undefined;

const anyBytes: Mutator = ({ fixture }, random) => {
  const [path, bytes] = pick([...fixture.files], random);
  const files = new Map(fixture.files);
  if (random.below(200) === 0) files.delete(path);
  else files.set(path, changeBytes(bytes, random));
  return { what: `bytes of ${path}`, files, checksums: 'tell' };
};

const blockBytes: Mutator = (subject, random) =>
  withBlock(subject, random, 'bytes', (block) => ({ ...block, contents: changeBytes(block.contents, random) }));

const entryHeaders: Mutator = (subject, random) =>
  withBlock(subject, random, 'an entry header', (block) => {
    const entries = entriesOf(block.contents);
    const at = random.below(entries.length);
    const number = random.below(3);
    const change = (header: Header, index: number): Header =>
      index === at
        ? (header.map((value, place) => (place === number ? oddNumber(value, random) : value)) as unknown as Header)
        : header;
    const restarts = random.below(4) === 0 ? Number(BigInt.asUintN(32, oddNumber(1n, random))) : 1;
    return { ...block, contents: blockOf(entries, { change, restarts }) };
  });

const messages: Mutator = (subject, random) =>
  withBlock(subject, random, 'a message', (block) => {
    const entries = entriesOf(block.contents);
    const at = random.below(entries.length);
    const changed = entries.map((entry, index) =>
      index === at ? { ...entry, value: changeMessage(entry.value, random) } : entry,
    );
    return { ...block, contents: blockOf(changed) };
  });

const entryOrder: Mutator = (subject, random) =>
  withBlock(subject, random, 'the entries', (block) => {
    const entries = entriesOf(block.contents);
    const [one, other] = [random.below(entries.length), random.below(entries.length)];
    const changed: Entry[] = [...entries];
    switch (random.below(4)) {
      case 0:
        changed[one] = { key: entries[other]!.key, value: entries[one]!.value };
        break;
      case 1:
        changed[one] = { key: entries[one]!.key, value: entries[other]!.value };
        break;
      case 2:
        changed.splice(one, 1);
        break;
      default:
        changed[one] = { key: changeBytes(entries[one]!.key, random), value: entries[one]!.value };
    }
    return { ...block, contents: blockOf(changed) };
  });

const handles: Mutator = (subject, random) => {
  const change = (handle: Handle): Handle => {
    const at = random.below(2);
    return handle.map((value, place) => (place === at ? oddNumber(value, random) : value)) as unknown as Handle;
  };
  const same = (block: Block) => block;
  if (random.below(3) === 0) return withBlock(subject, random, 'the index by the footer', same, { footer: change });
  if (random.below(3) === 0) {
    return withBlock(subject, random, 'the index', same, { index: (contents) => changeBytes(contents, random) });
  }
  return withBlock(subject, random, 'a handle', same, { handle: change });
};

/** Blocks called Snappy that are none, and small ones that claim to be large. */
const blockTypes: Mutator = (subject, random) =>
  withBlock(
    subject,
    random,
    'the type',
    (block) => {
      const claimed = varint(oddNumber(BigInt(block.contents.length), random));
      return random.below(2) === 0
        ? block
        : { ...block, contents: Uint8Array.from([...claimed, ...changeBytes(block.contents, random)]) };
    },
    { type: () => random.below(4) },
  );

/** Values of a V2 checkpoint whose own checksum is made to match. */
const sealedValues: Mutator = ({ fixture, tables, dataPaths }, random) => {
  const [[path, blocks]] = [...tables] as [[string, readonly Block[]]];
  if (dataPaths.length === 0) return undefined;
  const block = random.below(blocks.length);
  const entries = entriesOf(blocks[block]!.contents);
  const at = random.below(entries.length);
  const fields = parseFields(entries[at]!.value) ?? [];
  const numberOf = (field: number) => Number(fields.find(({ number }) => number === field)?.value ?? 0n);
  const [shard, offset, size] = [numberOf(3), numberOf(4), numberOf(5)];
  if (size === 0 || entries[at]!.key.length === 0) return undefined;
  const dataPath = dataPaths[shard]!;
  const data = fixture.files.get(dataPath)!.slice();
  const value = data.subarray(offset, offset + size);
  value.set(changeBytes(value, random).subarray(0, size));
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(maskedCrc(value));
  const sealed = fields.map((field) => (field.number === 6 ? { ...field, value: new Uint8Array(crc) } : field));
  const changed = entries.map((entry, index) => (index === at ? { ...entry, value: encodeFields(sealed) } : entry));
  const others = blocks.map((other, index) => (index === block ? { ...other, contents: blockOf(changed) } : other));
  return {
    what: `the value at byte ${offset} of ${dataPath}`,
    files: new Map(fixture.files).set(path, sealTable(others)).set(dataPath, data),
    checksums: 'silent',
  };
};

/** The text in which TensorFlow notes which checkpoints are in a folder. */
const note: Mutator = ({ fixture }, random) => {
  const text = `model_checkpoint_path: "${fixture.prefix}"\nall_model_checkpoint_paths: "other"\n`;
  const bytes = changeBytes(new TextEncoder().encode(text), random);
  return {
    what: 'the note',
    files: new Map(fixture.files).set('/run/checkpoint', bytes),
    path: '/run',
    checksums: 'tell',
  };
};

const mutators = [
  anyBytes,
  note,
  blockBytes,
  entryHeaders,
  messages,
  messages,
  messages,
  entryOrder,
  handles,
  blockTypes,
  sealedValues,
];

/** Damages a checkpoint of TensorFlow: its bytes, which checksums tell, or what it says, under checksums that match. */
export function mutate(subject: Subject, random: Random): Mutation {
  for (;;) {
    const mutation = pick(mutators, random)(subject, random);
    if (mutation) return mutation;
  }
}
