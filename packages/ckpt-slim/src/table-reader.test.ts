import { createMemoryFiles } from '@graftjs/core';
import { snappyCompress } from 'hysnappy';
import { describe, expect, it } from 'vitest';
import { type RawBlock, rawBlock, rawTable, utf8, varint } from '../test/raw-table.js';
import { TableReader } from './table-reader.js';
import { TableWriter } from './table-writer.js';

async function open(table: Uint8Array): Promise<TableReader> {
  return TableReader.open(await createMemoryFiles([['/table', table]]).open('/table'));
}

async function entriesOf(table: Uint8Array): Promise<[string, string][]> {
  const entries: [string, string][] = [];
  for await (const { key, value } of (await open(table)).entries()) {
    entries.push([Buffer.from(key).toString(), Buffer.from(value).toString()]);
  }
  return entries;
}

async function read(table: Uint8Array, key: string): Promise<Uint8Array | undefined> {
  const found = await (await open(table)).find(Uint8Array.from(utf8(key)));
  if (found === undefined) return undefined;
  const value = new Uint8Array(found.length);
  await found.stream.read(value);
  await found.verify();
  return value;
}

const value = (text: string) => Uint8Array.from(utf8(text));
const single = (block: Uint8Array, type = 0): RawBlock[] => [{ key: utf8('z'), block, type }];
const damage = { code: 'checkpoint/damaged' };

describe('a table', () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `scope/unit_${String(index).padStart(6, '0')}/weights`);
  const write = async () => {
    const writer = new TableWriter();
    const chunks: Uint8Array[] = [];
    const keep = async (part: AsyncGenerator<Uint8Array>) => {
      for await (const chunk of part) chunks.push(new Uint8Array(chunk));
    };
    for (const name of names) await keep(writer.add(value(name), name.length, [value(name)]));
    await keep(writer.finish());
    return new Uint8Array(Buffer.concat(chunks));
  };

  it('of many blocks gives all its entries, in order and one by one', async () => {
    const table = await write();
    expect(await entriesOf(table)).toEqual(names.map((name) => [name, name]));
    const reader = await open(table);
    for (const name of names.filter((_, index) => index % 997 === 0)) {
      const found = await reader.find(value(name));
      expect(Buffer.from(await (found?.stream.peek(name.length) as Promise<Uint8Array>)).toString()).toBe(name);
      expect(await reader.find(value(`${name}!`))).toBeUndefined();
      expect(await reader.find(value(name.slice(0, -1)))).toBeUndefined();
    }
    expect(await reader.find(value(''))).toBeUndefined();
    expect(await reader.find(value('~'))).toBeUndefined();
  });

  it('may be compressed block by block', async () => {
    const plain = rawBlock([
      [utf8('a'), value('1'.repeat(5000))],
      [utf8('b'), value('2')],
    ]);
    const table = await rawTable(single(snappyCompress(plain), 1));
    expect(table.length).toBeLessThan(1000);
    expect(await entriesOf(table)).toEqual([
      ['a', '1'.repeat(5000)],
      ['b', '2'],
    ]);
  });
});

describe('a block of megabytes', () => {
  const large = Uint8Array.from({ length: 3 << 20 }, (_, index) => (index * 2654435761) >>> 13);
  const block = rawBlock([
    [utf8('a'), value('before')],
    [utf8('b'), large],
    [utf8('c'), value('after')],
  ]);

  it('gives each of its entries', async () => {
    const table = await rawTable(single(block));
    expect(await read(table, 'a')).toEqual(value('before'));
    expect(Buffer.compare((await read(table, 'b')) as Uint8Array, large)).toBe(0);
    expect(await read(table, 'c')).toEqual(value('after'));
    expect(await read(table, 'bb')).toBeUndefined();
  });

  it('gives each of its entries where it is compressed', async () => {
    const table = await rawTable(single(snappyCompress(block), 1));
    expect(Buffer.compare((await read(table, 'b')) as Uint8Array, large)).toBe(0);
    expect(await read(table, 'c')).toEqual(value('after'));
  });

  it.each(['a', 'b', 'c'])('is checked as a whole for entry %s', async (key) => {
    const table = await rawTable(single(block));
    for (const place of [9, 100, 1 << 20, 3 << 20, block.length - 1, block.length, block.length + 1]) {
      const changed = table.slice();
      changed[place] = (table[place] as number) ^ 1;
      await expect(read(changed, key), `byte ${place}`).rejects.toMatchObject(damage);
    }
  });
});

/** A long key, then thousands that repeat it and add a byte. */
function unfoldingBlock(): Uint8Array {
  const key = utf8('k'.repeat(60_000));
  const longer = Array.from({ length: 20_000 }, (_, index) => [...varint(key.length + index), 1, 0, 97]).flat();
  const first = [0, ...varint(key.length), 0, ...key];
  return Uint8Array.from([...first, ...longer, 0, 0, 0, 0, 1, 0, 0, 0]);
}

describe('a hostile table with checksums that match is refused:', () => {
  const fine = rawBlock([[utf8('a'), value('1')]]);

  it.each([
    ['more restart points than bytes', rawBlock([[utf8('a'), value('1')]], 2 ** 32 - 1)],
    ['a block too short for restart points', Uint8Array.of(1, 2)],
    ['a key that shares more than there is', Uint8Array.from([1, 1, 1, 97, 98, 0, 0, 0, 0, 1, 0, 0, 0])],
    ['a value beyond the block', Uint8Array.from([0, 1, 100, 97, 98, 0, 0, 0, 0, 1, 0, 0, 0])],
    ['a length of 4 GB', Uint8Array.from([0, 1, ...varint(2 ** 32 - 1), 97, 98, 0, 0, 0, 0, 1, 0, 0, 0])],
    ['an entry cut off', Uint8Array.from([0x80, 0x80, 0, 0, 0, 0, 1, 0, 0, 0])],
    [
      'keys out of order',
      rawBlock([
        [utf8('b'), value('1')],
        [utf8('a'), value('2')],
      ]),
    ],
    [
      'a key twice',
      rawBlock([
        [utf8('a'), value('1')],
        [utf8('a'), value('2')],
      ]),
    ],
    ['keys that unfold to gigabytes', unfoldingBlock()],
  ])('%s', async (_, block) => {
    await expect(entriesOf(await rawTable(single(block)))).rejects.toMatchObject(damage);
    await expect(read(await rawTable(single(block)), 'a')).rejects.toMatchObject(damage);
  });

  it.each([
    ['is cut off', [...snappyCompress(fine)].slice(0, -3)],
    ['goes back in the input', [5, 0xfc, 0xfb, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5]],
    ['copies from before its start', [8, 0x0c, 1, 2, 3, 4, 0x01, 9]],
    ['copies from nowhere', [8, 0x0c, 1, 2, 3, 4, 0x01, 0]],
    ['ends within a copy', [8, 0x0c, 1, 2, 3, 4, 0x01]],
    ['gives less than it claims', [10, 0x0c, 1, 2, 3, 4]],
    ['gives more than it claims', [4, 0x1c, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['is empty', []],
  ])('a Snappy block that %s', async (_, compressed) => {
    const before = process.memoryUsage().arrayBuffers;
    await expect(entriesOf(await rawTable(single(Uint8Array.from(compressed), 1)))).rejects.toMatchObject(damage);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 25);
  });

  it.each([
    ['4 GB', [...varint(2 ** 32 - 1), 0, 97]],
    ['more than Snappy can', [...varint(1 << 20), ...snappyCompress(new Uint8Array(1000))]],
  ])('a Snappy block that claims %s, before anything makes room for it', async (_, compressed) => {
    const reading = entriesOf(await rawTable(single(Uint8Array.from(compressed), 1)));
    await expect(reading).rejects.toMatchObject({
      ...damage,
      cause: { message: expect.stringMatching(/^\d+ compressed bytes cannot stand for \d+$/) },
    });
  });

  it('an index that has one block twice, though it is empty', async () => {
    const twice = (key: string): [number[], Uint8Array] => [utf8(key), Uint8Array.of(0, 8)];
    const table = await rawTable(single(rawBlock([])), () => rawBlock([twice('y'), twice('z')]));
    await expect(entriesOf(table)).rejects.toMatchObject(damage);
  });

  it('a block type that is unknown', async () => {
    await expect(entriesOf(await rawTable(single(fine, 7)))).rejects.toMatchObject(damage);
  });

  it.each([
    ['beyond the file', [[utf8('z'), Uint8Array.from([...varint(5), ...varint(2 ** 40)])]]],
    ['at 2^63', [[utf8('z'), Uint8Array.from([255, 255, 255, 255, 255, 255, 255, 255, 127, 1])]]],
    ['that is cut off', [[utf8('z'), Uint8Array.of(0x80)]]],
    [
      'that overlaps another',
      [
        [utf8('y'), Uint8Array.of(0, 8)],
        [utf8('z'), Uint8Array.of(4, 8)],
      ],
    ],
    [
      'that repeats another',
      [
        [utf8('y'), Uint8Array.of(0, 15)],
        [utf8('z'), Uint8Array.of(0, 15)],
      ],
    ],
  ] as [string, [number[], Uint8Array][]][])('an index with a block %s', async (_, entries) => {
    await expect(entriesOf(await rawTable(single(fine), () => rawBlock(entries)))).rejects.toMatchObject(damage);
  });

  it('blocks whose keys are out of order', async () => {
    const blocks = [
      { key: utf8('c'), block: rawBlock([[utf8('c'), value('1')]]) },
      { key: utf8('d'), block: fine },
    ];
    await expect(entriesOf(await rawTable(blocks))).rejects.toMatchObject(damage);
  });
});
