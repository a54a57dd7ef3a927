import type { CheckpointFormat, TensorSource } from '../checkpoint.js';
import { type DType, dtypeBytes, elementCount, type Shape } from '../dtype.js';
import type { FileSystem } from '../files.js';
import { type ContractCase, check, checkFails } from './contract.js';
import { uniform } from './formula.js';

/** A tensor whose bytes are made of its name. */
function tensor(name: string, dtype: Exclude<DType, 'string'>, shape: Shape): TensorSource {
  const bytes = Uint8Array.from(uniform(name, elementCount(shape) * dtypeBytes[dtype]), (u) =>
    dtype === 'bool' ? (u < 0.5 ? 0 : 1) : 256 * u,
  );
  return { name, dtype, shape, read: () => bytes };
}

const everyTensor = [
  tensor('net/conv1/weights', 'float32', [3, 3, 2, 4]),
  tensor('net/conv1/biases', 'float32', [4]),
  tensor('net/conv1/weights/Momentum', 'float32', [3, 3, 2, 4]),
  tensor('net/conv10/weights', 'float32', [1, 1, 300, 40]),
  tensor('net/empty', 'float32', [0, 4]),
  tensor('global_step', 'int64', []),
  tensor('net/bytes', 'uint8', [7]),
  tensor('net/small', 'int32', [2, 2]),
];

/**
 * What every checkpoint format that writes keeps.
 * @param folder a folder to write into, empty
 * @param options.lacks types that the format does not have, which it must refuse
 */
export function checkpointFormatContract(
  format: CheckpointFormat,
  files: FileSystem,
  folder: string,
  { lacks = [] }: { readonly lacks?: readonly DType[] } = {},
): ContractCase[] {
  const path = `${folder}/contract.ckpt`;
  const tensors = everyTensor.filter(({ dtype }) => !lacks.includes(dtype) && !format.keptAs?.[dtype]);
  const write = async () => {
    check(format.write !== undefined, `${format.name} does not write.`);
    await format.write(path, tensors, files);
    return format.open(path, files);
  };
  return [
    {
      name: `${format.name} lists what was written, sorted by name`,
      async run() {
        const reader = await write();
        const listed = [...reader.tensors.values()].map(({ name, dtype, shape }) => `${name} ${dtype} ${shape}`);
        const expected = tensors.map(({ name, dtype, shape }) => `${name} ${dtype} ${shape}`).sort();
        check(
          listed.join('\n') === expected.join('\n'),
          `Listed:\n${listed.join('\n')}\nExpected:\n${expected.join('\n')}`,
        );
        await reader.close();
      },
    },
    {
      name: `${format.name} gives back every byte, alone and in any order, into the array that it is given`,
      async run() {
        const reader = await write();
        for (const source of [...tensors].reverse()) {
          const expected = source.read() as Uint8Array;
          const into = new Uint8Array(expected.length);
          check((await reader.read(source.name, into)) === into, `${source.name} came in another array.`);
          check(
            into.every((byte, index) => byte === expected[index]),
            `${source.name} came back changed.`,
          );
          const own = await reader.read(source.name);
          check(
            own.length === into.length && own.every((byte, index) => byte === into[index]),
            `${source.name} differs in an own array.`,
          );
        }
        await reader.close();
      },
    },
    {
      name: `${format.name} recognises what it wrote, and not what it did not`,
      async run() {
        await (await write()).close();
        check(await format.recognises(path, files), 'It does not recognise its own.');
        const other = `${folder}/other.bin`;
        await files.write(other, [Uint8Array.from(uniform('noise', 5000), (u) => 256 * u)]);
        check(!(await format.recognises(other, files)), 'It recognises noise.');
        check(!(await format.recognises(`${folder}/nothing`, files)), 'It recognises what is not there.');
      },
    },
    {
      name: `${format.name} refuses names that it does not hold, arrays of the wrong size, and what is not there`,
      async run() {
        const reader = await write();
        await checkFails(() => reader.read('net/nothing'), 'checkpoint/', 'an unknown variable');
        await checkFails(() => reader.read('net/small', new Uint8Array(6)), 'checkpoint/', 'an array too small');
        await reader.close();
        await checkFails(() => format.open(`${folder}/nothing`, files), 'checkpoint/', 'a missing checkpoint');
      },
    },
    {
      name: `${format.name} refuses what it has no type for, and leaves what was there`,
      async run() {
        await (await write()).close();
        const before = await files.list(folder);
        for (const dtype of lacks) {
          const refused = { name: 'net/lacking', dtype, shape: [0], read: () => new Uint8Array() };
          const writing = () => format.write!(path, [...tensors, refused], files);
          await checkFails(writing, 'checkpoint/unsupported-type', `a tensor of ${dtype}`);
        }
        check((await files.list(folder)).join() === before.join(), 'Something is left of what was refused.');
        await (await format.open(path, files)).close();
      },
    },
    {
      name: `${format.name} refuses its files cut short`,
      async run() {
        await (await write()).close();
        for (const file of await format.filesOf(path, files)) {
          const whole = await files.open(file);
          const bytes = new Uint8Array(whole.size);
          await whole.read(0, bytes);
          await whole.close();
          await files.write(file, [bytes.subarray(0, bytes.length >> 1)]);
          await checkFails(
            async () => {
              const reader = await format.open(path, files);
              try {
                for (const name of reader.tensors.keys()) await reader.read(name);
              } finally {
                await reader.close();
              }
            },
            'checkpoint/',
            `${file}, cut in half`,
          );
          await files.write(file, [bytes]);
        }
      },
    },
  ];
}
