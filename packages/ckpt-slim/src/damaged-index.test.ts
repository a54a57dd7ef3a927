import { type CheckpointReader, createMemoryFiles } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { field, rawBlock, rawTable, utf8, varint } from '../test/raw-table.js';
import { Crc32c } from './crc32c.js';
import { encodeSliceKey } from './ordered-code.js';
import { slimV1 } from './slim-v1.js';
import { slimV2 } from './slim-v2.js';
import { compareBytes } from './table-block.js';
import type { TensorSlice } from './tensor-slice.js';

type Entry = readonly [key: Uint8Array, value: number[]];

const damage = { code: 'checkpoint/damaged' };
const float32 = 1;
const int32 = 3;
const string = 7;

/** A number as a field that is left out at zero, as proto3 does. */
const number = (id: number, value: number) => (value === 0 ? [] : [id * 8, ...varint(value)]);
const shapeOf = (sizes: readonly number[]) => sizes.flatMap((size) => field(2, number(1, size)));
const extents = ({ starts, lengths }: TensorSlice) =>
  starts.flatMap((start, axis) => {
    const length = lengths[axis] as number;
    return field(1, number(1, start), length < 0 ? [] : [16, ...varint(length)]);
  });

async function tableOf(entries: readonly Entry[]): Promise<Uint8Array> {
  const sorted = entries.map(([key, value]) => [key, Uint8Array.from(value)] as const);
  sorted.sort(([a], [b]) => compareBytes(a, b));
  return rawTable([{ key: sorted.at(-1)?.[0] ?? [], block: rawBlock(sorted) }]);
}

describe('a V1 checkpoint', () => {
  const path = '/model';
  const whole: TensorSlice = { starts: [0], lengths: [-1] };
  const meta = (name: string, type: number, shape: readonly number[], ...slices: TensorSlice[]) =>
    field(
      1,
      field(1, utf8(name)),
      field(2, shapeOf(shape)),
      number(3, type),
      ...slices.map((slice) => field(4, extents(slice))),
    );
  const record = (name: string, slice: TensorSlice, ...tensor: number[][]): Entry => [
    encodeSliceKey(name, slice),
    field(2, field(3, ...tensor)),
  ];
  const open = async (list: number[], ...records: Entry[]): Promise<CheckpointReader> => {
    const table = await tableOf([[new Uint8Array(), field(1, list)], ...records]);
    return slimV1.open(path, createMemoryFiles([[path, table]]));
  };

  it('may spell its lists in any way that protocol buffers allow', async () => {
    const reader = await open(
      [...meta('x', int32, [4], whole), ...meta('f', float32, [3], whole), ...field(9, [1, 2])],
      // Packed in two lists, an unpacked one between, unknown fields of each kind around.
      record(
        'x',
        whole,
        number(1, int32),
        field(7, [1, 2]),
        [99 * 8 + 1, 0, 0, 0, 0, 0, 0, 0, 0],
        [7 * 8, 3],
        field(7, varint(300)),
      ),
      record('f', whole, field(5, [0, 0, 128, 63]), [5 * 8 + 5, 0, 0, 0, 64], field(5, [0, 0, 64, 64])),
    );
    expect(await reader.read('x')).toEqual(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 44, 1, 0, 0));
    expect(await reader.read('f')).toEqual(Uint8Array.of(0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64));
  });

  it.each<[string, number[], Entry[]]>([
    ['no record of a variable', meta('x', int32, [2], whole), []],
    ['too few numbers', meta('x', int32, [3], whole), [record('x', whole, field(7, [1, 2]), field(99, [0]))]],
    ['too many numbers', meta('x', int32, [1], whole), [record('x', whole, field(7, [1, 2]))]],
    ['too many floats', meta('x', float32, [1], whole), [record('x', whole, field(5, new Array(8).fill(0)))]],
    ['half a float', meta('x', float32, [2], whole), [record('x', whole, field(5, new Array(9).fill(0)))]],
    [
      'numbers in the field of another type',
      meta('x', float32, [2], whole),
      [record('x', whole, field(7, new Array(8).fill(0)))],
    ],
    ['half a number', meta('x', int32, [2], whole), [record('x', whole, field(7, [1, 0x80]))]],
    ['a number without end', meta('x', int32, [2], whole), [record('x', whole, field(7, new Array(20).fill(0x80)))]],
    ['a list beyond its message', meta('x', int32, [2], whole), [record('x', whole, [58, 100, 1, 2])]],
    ['a wire type that is gone', meta('x', int32, [2], whole), [record('x', whole, [7 * 8 + 3, 1, 2])]],
    ['a shape beyond the file', meta('x', float32, [2 ** 34], whole), [record('x', whole, field(5, [0, 0, 0, 0]))]],
    ['a gigabyte beyond the file', meta('x', float32, [2 ** 28], whole), [record('x', whole, field(5, [0, 0, 0, 0]))]],
    [
      'a second slice of a gigabyte beyond the file',
      meta('x', float32, [2 ** 28], { starts: [0], lengths: [1] }, { starts: [1], lengths: [2 ** 28 - 1] }),
      [
        record('x', { starts: [0], lengths: [1] }, field(5, [0, 0, 0, 0])),
        record('x', { starts: [1], lengths: [2 ** 28 - 1] }, field(5, [0, 0, 0, 0])),
      ],
    ],
    ['too few strings', meta('x', string, [2], whole), [record('x', whole, field(8, [97]), field(99, []))]],
    ['too many strings', meta('x', string, [1], whole), [record('x', whole, field(8, [97]), field(8, [98]))]],
    ['no slice', meta('x', int32, [2]), []],
    [
      'slices that leave a gap',
      meta('x', int32, [3], { starts: [0], lengths: [1] }, { starts: [2], lengths: [1] }),
      [],
    ],
    [
      'slices that overlap and so leave a gap',
      meta('x', int32, [4], { starts: [0], lengths: [2] }, { starts: [1], lengths: [2] }),
      [
        record('x', { starts: [0], lengths: [2] }, field(7, [1, 2])),
        record('x', { starts: [1], lengths: [2] }, field(7, [1, 2])),
      ],
    ],
  ])('with %s is refused when it is read', async (_, list, records) => {
    const reader = await open(list, ...records);
    const before = process.memoryUsage().arrayBuffers;
    const reading: Promise<unknown> =
      reader.tensors.get('x')?.dtype === 'string' ? reader.readStrings('x') : reader.read('x');
    await expect(reading).rejects.toMatchObject(damage);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 25);
  });

  it('with a record too short for its elements is refused before they get room', async () => {
    const reader = await open(meta('x', float32, [30], whole), record('x', whole, field(5, [0, 0, 128, 63])));
    await expect(reader.read('x')).rejects.toMatchObject({
      message: expect.stringContaining('cannot hold 30 elements'),
    });
  });

  it.each<[string, number[]]>([
    ['no name', meta('', int32, [2], whole)],
    ['a name that is no UTF-8', field(1, field(1, [0xff]), field(2, shapeOf([2])), number(3, int32))],
    [
      'a negative size',
      field(1, field(1, utf8('x')), field(2, field(2, [8, ...new Array(9).fill(255), 1])), number(3, int32)),
    ],
    ['a shape beyond 2^53', meta('x', int32, [2 ** 40, 2 ** 40], whole)],
    ['300 axes', meta('x', int32, new Array(300).fill(1))],
    ['a slice outside', meta('x', int32, [2], { starts: [1], lengths: [2] })],
    ['a slice of other rank', meta('x', int32, [2], { starts: [0, 0], lengths: [-1, -1] })],
    ['two shapes of one variable', [...meta('x', int32, [2], whole), ...meta('x', int32, [3], whole)]],
    ['a list cut off', meta('x', int32, [2], whole).slice(0, -1)],
    ['a reader of version 2 asked for', [...meta('x', int32, [2], whole), ...field(2, [8, 2, 16, 2])]],
    ['groups within groups', new Array(100_000).fill(0x1b)],
    ['a million slices and more', field(1, field(1, utf8('x')), new Array(1_100_000).fill([0x22, 0]).flat())],
  ])('with %s in its list is refused when it is opened', async (_, list) => {
    await expect(open(list)).rejects.toMatchObject(damage);
  });

  it('without a list is refused', async () => {
    const table = await tableOf([record('x', whole, field(7, [1]))]);
    await expect(slimV1.open(path, createMemoryFiles([[path, table]]))).rejects.toMatchObject(damage);
  });

  it('lists a variable of a type that is no tensor as unreadable and the others all the same', async () => {
    const reader = await open(
      [...meta('x', int32, [1], whole), ...meta('variant', 21, [1], whole)],
      record('x', whole, field(7, [5])),
    );
    expect([...reader.tensors.keys()]).toEqual(['x']);
    expect(await reader.read('x')).toEqual(Uint8Array.of(5, 0, 0, 0));
    await expect(reader.read('variant')).rejects.toMatchObject({ code: 'checkpoint/unsupported-type' });
  });
});

describe('a V2 checkpoint', () => {
  const path = '/model';
  const data = Uint8Array.from({ length: 64 }, (_, index) => index);
  const header = [...number(1, 1), ...field(3, [8, 1])];
  const crcOf = async (bytes: Uint8Array) => (await Crc32c.create()).update(bytes).masked;
  const fixed32 = (id: number, value: number) => [
    id * 8 + 5,
    value & 255,
    (value >>> 8) & 255,
    (value >>> 16) & 255,
    value >>> 24,
  ];
  interface Part {
    readonly type?: number;
    readonly shape?: readonly number[];
    readonly shard?: number;
    readonly offset?: number;
    readonly size?: number;
    readonly slices?: readonly TensorSlice[];
  }
  const entry = async ({ type = int32, shape = [2], shard = 0, offset = 0, size = 8, slices = [] }: Part) => [
    ...number(1, type),
    ...field(2, shapeOf(shape)),
    ...number(3, shard),
    ...number(4, offset),
    ...number(5, size),
    ...fixed32(6, await crcOf(data.subarray(offset, offset + size))),
    ...slices.flatMap((slice) => field(7, extents(slice))),
  ];
  const open = async (entries: readonly Entry[], head: number[] = header): Promise<CheckpointReader> => {
    const table = await tableOf([[new Uint8Array(), head], ...entries]);
    const files = new Map([[`${path}.index`, table]]);
    return slimV2.open(path, createMemoryFiles(files.set(`${path}.data-00000-of-00001`, data)));
  };
  const named = (name: string, value: number[]): Entry => [Uint8Array.from(utf8(name)), value];

  it('reads what the entries below only change', async () => {
    const reader = await open([named('x', await entry({ offset: 4 }))]);
    expect(await reader.read('x')).toEqual(data.subarray(4, 12));
  });

  it.each<[string, Part]>([
    ['fewer bytes than its shape', { size: 4 }],
    ['more bytes than its shape', { size: 12 }],
    ['bytes beyond the data file', { offset: 60 }],
    ['an offset of 2^62', { offset: 2 ** 62 }],
    ['a data file that there is not', { shard: 1 }],
    ['the size of a petabyte', { shape: [2 ** 48], size: 2 ** 50 }],
    ['the size of a gigabyte', { shape: [2 ** 28], size: 2 ** 30 }],
    [
      'slices that are missing',
      {
        shape: [4],
        slices: [
          { starts: [0], lengths: [2] },
          { starts: [2], lengths: [2] },
        ],
      },
    ],
    ['a slice outside it', { slices: [{ starts: [1], lengths: [2] }] }],
  ])('with a variable that has %s is refused when it is read', async (_, part) => {
    const reader = await open([named('x', await entry(part))]);
    const before = process.memoryUsage().arrayBuffers;
    await expect(reader.read('x')).rejects.toMatchObject(damage);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 25);
  });

  it.each<[string, number[], [number, number][]]>([
    [
      'overlap and leave a gap',
      [4],
      [
        [0, 2],
        [1, 2],
      ],
    ],
    [
      'are fewer than the variable',
      [5],
      [
        [0, 2],
        [2, 2],
      ],
    ],
    [
      'are more than the variable',
      [3],
      [
        [0, 2],
        [1, 2],
      ],
    ],
  ])('with slices that %s is refused when it is read', async (_, shape, places) => {
    const slices = places.map(([start, length]) => ({ starts: [start], lengths: [length] }));
    const parts = await Promise.all(
      slices.map(async (slice): Promise<Entry> => [encodeSliceKey('x', slice), await entry({})]),
    );
    const reader = await open([named('x', await entry({ shape, slices, size: 0 })), ...parts]);
    await expect(reader.read('x')).rejects.toMatchObject(damage);
  });

  it('with slices that share bytes asks for no more memory than the file has', async () => {
    const count = 4096;
    const slices = Array.from({ length: count }, (_, index) => ({ starts: [16 * index], lengths: [16] }));
    const part = await entry({ shape: [16], size: 64 });
    const reader = await open([
      named('x', await entry({ shape: [16 * count], slices, size: 0 })),
      ...slices.map((slice): Entry => [encodeSliceKey('x', slice), part]),
    ]);
    await expect(reader.read('x')).rejects.toMatchObject(damage);
  });

  it.each<[string, number[], number]>([
    ['lengths beyond the bytes', [...varint(60), 1], 8],
    ['a length without end', new Array(12).fill(0xff), 12],
  ])('with strings of %s is refused', async (_, bytes, size) => {
    const changed = data.slice();
    changed.set(bytes);
    const value = await entry({ type: string, shape: [2], size });
    const table = await tableOf([[new Uint8Array(), header], named('x', value)]);
    const files = createMemoryFiles([
      [`${path}.index`, table],
      [`${path}.data-00000-of-00001`, changed],
    ]);
    await expect((await slimV2.open(path, files)).readStrings('x')).rejects.toMatchObject(damage);
  });

  it('of more strings than it has bytes is refused', async () => {
    const reader = await open([named('x', await entry({ type: string, shape: [2 ** 40], size: 8 }))]);
    await expect(reader.readStrings('x')).rejects.toMatchObject(damage);
  });

  it('of a big-endian machine is refused as such', async () => {
    const opening = open([], [...number(1, 1), 16, 1, ...field(3, [8, 1])]);
    await expect(opening).rejects.toMatchObject({
      code: 'checkpoint/big-endian',
      message: expect.stringMatching(/big-endian/),
    });
  });

  it.each<[string, number[]]>([
    ['of a later version', [...number(1, 1), ...field(3, [8, 2, 16, 2])]],
    ['of no data file', field(3, [8, 1])],
    ['that is cut off', [8]],
  ])('with a header %s is refused', async (_, head) => {
    await expect(open([], head)).rejects.toMatchObject(damage);
  });

  it('without a header, or that is no checkpoint but a table, is refused', async () => {
    const files = async (entries: Entry[]) => createMemoryFiles([[`${path}.index`, await tableOf(entries)]]);
    const value = await entry({});
    await expect(slimV2.open(path, await files([named('x', value)]))).rejects.toMatchObject(damage);
    await expect(slimV2.open(path, await files([]))).rejects.toMatchObject(damage);
  });

  it('lists what is no tensor of values as unreadable and the others all the same', async () => {
    const reader = await open([named('variant', await entry({ type: 21 })), named('x', await entry({}))]);
    expect([...reader.tensors.keys()]).toEqual(['x']);
    await expect(reader.read('variant')).rejects.toMatchObject({ code: 'checkpoint/unsupported-type' });
  });
});
