import { slimV2 } from '@graftjs/ckpt-slim';
import { tfjs } from '@graftjs/ckpt-tfjs';
import type { CheckpointReader } from '@graftjs/core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AllocationWatch } from './allocation-watch.js';
import { readSlimFixtures, readTfjsFixtures } from './fixtures.js';
import { takeApart } from './mutate.js';
import { tortureCheckpoints } from './mutations.js';
import { isSameValue, readAll } from './read-all.js';
import { blockOf, entriesOf, sealTable } from './sealed-table.js';

it('100,000 damaged checkpoints end in coded errors or right values, in time and in bounded memory', async () => {
  const { refused, read, slowest, largest } = await tortureCheckpoints({ count: 100_000, seed: 20 });
  console.log(
    `${refused} refused, ${read} read; slowest ${slowest.toFixed(0)} ms, ${largest.toFixed(1)} elements a byte`,
  );
  // Both ways are taken: the damage is not all so coarse that it is seen at once.
  expect(refused).toBeGreaterThan(20_000);
  expect(read).toBeGreaterThan(20_000);
});

describe('the torture itself', () => {
  it('seals tables that are read as TensorFlow’s own', async () => {
    const fixtures = await readSlimFixtures();
    expect(fixtures.length).toBeGreaterThan(15);
    for (const fixture of fixtures) {
      const { tables } = takeApart(fixture);
      const files = new Map(fixture.files);
      for (const [path, blocks] of tables) {
        const same = blocks.map((block) => ({ ...block, contents: blockOf(entriesOf(block.contents)) }));
        files.set(path, sealTable(same));
      }
      const found = await readAll(fixture.format, fixture.prefix, files);
      expect([...found.keys()]).toEqual([...fixture.values.keys()]);
      for (const [name, value] of fixture.values) expect(isSameValue(found.get(name), value), name).toBe(true);
    }
  });

  it('counts what arrays take', () => {
    const watch = new AllocationWatch();
    watch.start();
    const made = [new Uint8Array(1000), new Array(50), new DataView(new ArrayBuffer(7)), new Uint8Array([1, 2])];
    const elements = watch.take();
    watch.stop();
    expect(made[0]).toBeInstanceOf(Uint8Array);
    expect(elements).toBe(1057);
    expect(new Uint8Array(9).length + watch.take()).toBe(9);
  });

  describe.each([slimV2, tfjs])('notices a reader of $name that', (format) => {
    /** Replaces it, once the undamaged fixtures are read. */
    const torturing = async (change: (reader: CheckpointReader) => CheckpointReader) => {
      const fixtures = [...(await readSlimFixtures()), ...(await readTfjsFixtures())];
      const undamaged = fixtures.filter((fixture) => fixture.format === format).length;
      const { open } = format;
      let opened = 0;
      onTestFinished(() => void Object.assign(format, { open }));
      const changed: typeof open = async (path, files) => {
        const reader = await open(path, files);
        return opened++ < undamaged ? reader : change(reader);
      };
      Object.assign(format, { open: changed });
      return tortureCheckpoints({ count: 2000, seed: 1 });
    };
    const reading = (read: CheckpointReader['read']) => (reader: CheckpointReader) => ({
      tensors: reader.tensors,
      readStrings: (name: string) => reader.readStrings(name),
      close: () => reader.close(),
      read: (name: string) => read.call(reader, name),
    });

    it('crashes', async () => {
      const crash = reading(() => Promise.reject(new TypeError('undefined is not an object')));
      await expect(torturing(crash)).rejects.toThrow(/mutation \d+ of seed 1.*TypeError: undefined is not an object/);
    });

    it('gives wrong values', async () => {
      const wrong = reading(async function (this: CheckpointReader, name) {
        return (await this.read(name)).map((byte) => byte ^ 1);
      });
      await expect(torturing(wrong)).rejects.toThrow(/It gave (wrong )?values of/);
    });

    it('asks for more memory than it needs', async () => {
      const greedy = reading(async function (this: CheckpointReader, name) {
        const spare = new Uint8Array(1 << 26);
        return spare.length > 0 ? this.read(name) : spare;
      });
      await expect(torturing(greedy)).rejects.toThrow(/It asked for .* elements of arrays/);
    });
  });
});
