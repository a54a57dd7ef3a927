import { slimV2 } from '@graftjs/ckpt-slim';
import { describe, expect, it } from 'vitest';
import { AllocationWatch } from './allocation-watch.js';
import { readFixtures } from './fixtures.js';
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
    const fixtures = await readFixtures();
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

  it('notices a reader that crashes', async () => {
    const open = slimV2.open;
    const crashing: typeof open = async () => {
      throw new TypeError('undefined is not an object');
    };
    Object.assign(slimV2, { open: crashing });
    const tortured = tortureCheckpoints({ count: 100, seed: 1 });
    await expect(tortured).rejects.toThrow(/TypeError: undefined is not an object/);
    Object.assign(slimV2, { open });
  });
});
