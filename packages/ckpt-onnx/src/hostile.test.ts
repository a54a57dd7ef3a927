import { readFileSync } from 'node:fs';
import { createMemoryFiles, type Graph, sameShape } from '@graftjs/core';
import { changeBytes, formulaRandom, readingOutcome, readTensors } from '@graftjs/core/testing';
import { describe, expect, it } from 'vitest';
import { networks } from '../test/exported-networks.js';
import {
  attribute,
  bytes,
  floatInitializer,
  floats,
  initializer,
  input,
  integer,
  integers,
  message,
  model,
  node,
  packed,
  tensorFields,
} from '../test/protobuf.js';
import { onnx } from './onnx.js';

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const plain = networks.plain();

/** Opens a file, reads all of its tensors and all that a graph finds in it: how much that was, or the code of the error. */
const outcome = (file: Uint8Array, graph: Graph, what: string, others = {}) =>
  readingOutcome(async () => {
    const reader = await onnx.open('a.onnx', createMemoryFiles(Object.entries({ 'a.onnx': file, ...others })));
    let sum = await readTensors(reader);
    const match = reader.match!(graph);
    for (const { name, shape } of graph.variables) {
      const foreign = match.tensors[name];
      const found = foreign && match.reader.tensors.get(foreign.name);
      if (found && sameShape(found.shape, shape)) sum += (await match.reader.read(foreign.name)).length;
    }
    return sum;
  }, what);

describe('a file', () => {
  it.each(['pytorch_plain_script.onnx', 'keras_plain.onnx'])(
    '%s that is cut short anywhere is refused',
    async (name) => {
      const file = fixture(name);
      for (let length = 0; length < file.length; length++) {
        const code = await outcome(file.subarray(0, length), plain, `${name}, cut at ${length}`);
        // Between the graph and the version there is nothing that must be there.
        if (typeof code === 'number') expect(file.subarray(length).includes('Conv')).toBe(false);
        else expect(code).toBe('checkpoint/damaged');
      }
    },
  );

  it('that is damaged anywhere is read, or refused by a code', async () => {
    const names = ['pytorch_plain_script.onnx', 'keras_plain.onnx', 'pytorch_plain_dynamo_external.onnx'];
    const files = names.map(fixture);
    const others = { 'pytorch_plain_dynamo_external.onnx.data': fixture('pytorch_plain_dynamo_external.onnx.data') };
    const codes = new Map<number | string, number>();
    for (let round = 0; round < 10_000; round++) {
      const file = changeBytes(files[round % files.length]!, formulaRandom(`mutation ${round}`));
      const code = await outcome(file, plain, `mutation ${round}`, others);
      const kind = typeof code === 'number' ? 'read' : code;
      codes.set(kind, (codes.get(kind) ?? 0) + 1);
    }
    expect([...codes.keys()].sort()).toEqual(
      expect.arrayContaining(['checkpoint/damaged', 'checkpoint/external-data', 'read']),
    );
  });

  it.each<[string, Uint8Array]>([
    ['nothing in it', new Uint8Array(0)],
    ['no graph', integer(1, 8)],
    ['two graphs', Buffer.concat([model(), message(7)])],
    ['a length beyond its end', Buffer.concat([integer(1, 8), bytes(7, 'abc', 4)])],
    ['a length beyond everything', Buffer.concat([integer(1, 8), bytes(7, 'abc', 2n ** 64n - 1n)])],
    ['a negative length', Buffer.concat([integer(1, 8), bytes(7, 'abc', -1)])],
    [
      'a length beyond its message',
      model(bytes(5, Buffer.concat([bytes(8, 'name', 100)])), bytes(10, new Uint8Array(200))),
    ],
    ['a number without an end', Buffer.concat([model(), Buffer.alloc(20, 0xff)])],
    ['a number that is cut', Buffer.concat([model(), Buffer.from([0x08, 0x80])])],
    ['a field of number 0', Buffer.concat([model(), Buffer.from([0x00, 0x00])])],
    ['a group', Buffer.concat([model(), Buffer.from([0x0b, 0x0c])])],
    ['a graph that is a number', integer(7, 1)],
    ['a name that is no UTF-8', model(initializer(bytes(8, Buffer.from([0xff, 0xfe]))))],
    ['a tensor without a name', model(initializer(integer(2, 1), packed(1, [0])))],
    ['a name twice', model(floatInitializer('a', [1], [1]), floatInitializer('a', [1], [1]))],
    [
      'a constant by the name of an initializer',
      model(
        floatInitializer('a', [1], [1]),
        node('Constant', [], 'a', attribute('value', message(5, tensorFields('', 1, [0])))),
      ),
    ],
    ['sizes that overflow', model(initializer(tensorFields('a', 1, [2 ** 31, 2 ** 31, 2 ** 31]), bytes(9, 'abcd')))],
    ['a negative size', model(initializer(tensorFields('a', 1, [-1, -1]), bytes(9, floats([1]))))],
    [
      'a size of more than 2^53',
      model(initializer(Buffer.concat([packed(1, [2n ** 60n]), integer(2, 1), bytes(8, 'a')]))),
    ],
    ['too many axes', model(initializer(tensorFields('a', 1, new Array(300).fill(1)), bytes(9, floats([1]))))],
    ['fewer values than its shape', model(initializer(tensorFields('a', 1, [3]), bytes(9, floats([1, 2]))))],
    ['more values than its shape', model(initializer(tensorFields('a', 1, [1]), bytes(4, floats([1, 2]))))],
    ['fewer numbers than its shape', model(initializer(tensorFields('a', 6, [4]), packed(5, [300, 300, 300])))],
    ['more numbers than its shape', model(initializer(tensorFields('a', 6, [2]), packed(5, [1, 2, 3])))],
    ['a number of numbers that is cut', model(initializer(tensorFields('a', 6, [1]), bytes(5, Buffer.from([0x80]))))],
    ['values twice', model(initializer(tensorFields('a', 1, [1]), bytes(9, floats([1])), bytes(4, floats([1]))))],
    ['values of another type', model(initializer(tensorFields('a', 1, [1]), packed(7, [1])))],
    ['values that are a message', model(initializer(tensorFields('a', 1, [1]), integer(9, 1)))],
    ['too few texts', model(initializer(tensorFields('a', 8, [2]), bytes(6, 'one')))],
    ['a segment', model(initializer(tensorFields('a', 1, [1]), message(3, integer(1, 0)), bytes(9, floats([1]))))],
    [
      'numbers in thousands of pieces',
      model(initializer(tensorFields('a', 6, [2000]), ...new Array(2000).fill(integer(5, 1)))),
    ],
  ])('with %s is refused', async (what, file) => {
    expect(await outcome(file, plain, what)).toBe('checkpoint/damaged');
  });

  it('with more in it than any network has is refused before memory is', async () => {
    const nodes = Buffer.concat(new Array(200_000).fill(node('Relu', ['x'], 'y')));
    expect(await outcome(model(nodes), plain, 'nodes')).toBe('checkpoint/too-complex');
    const shortFields = Buffer.concat([integer(1, 8), message(7, Buffer.alloc(10_000_000, integer(10, 1)))]);
    expect(await outcome(shortFields, plain, 'fields')).toBe('checkpoint/too-complex');
    const name = 'a'.repeat(70_000_000);
    expect(await outcome(model(initializer(bytes(8, name))), plain, 'a name')).toBe('checkpoint/too-complex');
  });

  it('with graphs in graphs is passed over as far as nobody asks', async () => {
    let inner: Buffer = Buffer.alloc(0);
    for (let depth = 0; depth < 2000; depth++) inner = node('If', ['x'], 'y', attribute('then', message(6, inner)));
    expect(await outcome(model(input('x'), inner), plain, 'graphs')).toBe(0);
  });
});

describe('a network', () => {
  const wide = floatInitializer('w', [4, 3, 3, 3], new Array(108).fill(1));

  it.each<[string, Uint8Array[]]>([
    ['that reads itself', [node('Relu', ['y'], 'y'), node('Add', ['y', 'x'], 'x')]],
    ['whose weights are made of themselves', [node('Transpose', ['w'], 'w'), node('Conv', ['x', 'w'], 'y')]],
    [
      'whose shapes are made of themselves',
      [
        floatInitializer('v', [2], [1, 1]),
        node('Reshape', ['v', 's'], 's'),
        node('Reshape', ['v', 's'], 'w'),
        node('Conv', ['x', 'w'], 'y'),
      ],
    ],
    [
      'with weights of no elements',
      [initializer(tensorFields('w', 1, [2 ** 50, 0, 3, 3])), node('Conv', ['x', 'w'], 'y')],
    ],
    [
      'with weights of a type that nobody has',
      [initializer(tensorFields('w', 99, [2 ** 20, 3, 3, 3])), node('Conv', ['x', 'w'], 'y')],
    ],
    [
      'with axes that are not there',
      [wide, node('Transpose', ['x'], 't', integers('perm', [7, -1, 9, 0])), node('Conv', ['t', 'w'], 'y')],
    ],
    [
      'with a million axes',
      [
        wide,
        node('Unsqueeze', ['w'], 'v', integers('axes', new Array(1_000_000).fill(1))),
        node('Conv', ['x', 'v'], 'y'),
      ],
    ],
    [
      'of nodes without inputs and outputs',
      [message(1, bytes(4, 'Conv')), message(1, bytes(1, 'x'), bytes(4, 'Add')), message(1)],
    ],
  ])('%s has nothing, or what can be had of it', async (what, fields) => {
    expect(await outcome(model(input('x'), ...fields), plain, what)).toBeTypeOf('number');
  });

  it.each<[string, (index: number) => Uint8Array]>([
    ['one behind the other', (index) => node('Conv', [index === 0 ? 'x' : `y${index - 1}`, 'w'], `y${index}`)],
    ['side by side', (index) => node('Conv', ['x', 'w'], `y${index}`)],
    [
      'that join over and over',
      (index) => node('Add', [index === 0 ? 'x' : `y${index - 1}`, index === 0 ? 'x' : `y${index - 1}`], `y${index}`),
    ],
    [
      'side by side over and over',
      (index) =>
        node('Concat', [index === 0 ? 'x' : `y${index - 1}`, 'x'], `y${index}`, attribute('axis', integer(3, 1))),
    ],
    ['that multiply over and over', (index) => node('Mul', [index === 0 ? 'x' : `y${index - 1}`, 'w'], `y${index}`)],
  ])('of thousands of steps %s is walked in linear time', async (what, step) => {
    const steps = Array.from({ length: 20_000 }, (_, index) => step(index));
    const file = model(input('x'), floatInitializer('w', [4, 3, 3, 3], new Array(108).fill(1)), ...steps);
    expect(await outcome(file, plain, what)).toBeTypeOf('number');
  });
});
