import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Torture } from './graft-process.js';
import { KillTorture, type Undisturbed } from './kills.js';
import { regimes } from './regimes.js';

let folder: string;
let torture: KillTorture;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-kills-'));
  torture = new KillTorture(folder);
});
afterAll(() => rm(folder, { recursive: true }));

/** Kills in the middle of the n-th change of a kind. */
const within = (pattern: string, nth: number): Torture => ({ writes: { pattern, nth, share: 0.5 } });

describe.each(regimes)('$name', (regime) => {
  let undisturbed: Undisturbed;
  beforeAll(async () => {
    undisturbed = await torture.undisturbed(regime);
  });

  it('killed at moments spread over it, comes to the same end in every bit', async () => {
    const moments = [0.35, 0.6, 0.85].map((share): Torture => ({ after: share * undisturbed.milliseconds }));
    expect(await torture.killed(undisturbed, moments)).toBeGreaterThan(0);
  });

  it('killed within what it writes, comes to the same end in every bit', async () => {
    const caches = regime.options.includes('head');
    const tortures =
      regime.target === 'masks'
        ? [
            within('^write .*stages\\.json', 0),
            within('^write .*fcn_32s.*\\.data-00000-of-00001', 5),
            within('^write .*fcn_16s/config\\.json', 0),
            within('^rename .*fcn_16s.*\\.state\\.json', 1),
          ]
        : [
            within('^write .*config\\.json', 0),
            ...(caches ? [within('^write .*\\.features', 1), within('^rename .*\\.features', 0)] : []),
            within('^write .*\\.data-00000-of-00001', 5),
            within('^append .*metrics\\.jsonl', 9),
            within('^rename .*\\.index', 1),
            within('^rename .*\\.state\\.json', 1),
          ];
    expect(await torture.killed(undisturbed, tortures)).toBe(tortures.length);
  });
});

it('what is different in a single bit is noticed', async () => {
  const undisturbed = await torture.undisturbed(regimes[1]!);
  const name = 'checkpoints/model.ckpt-45.data-00000-of-00001';
  const bytes = Buffer.from(undisturbed.remains.get(name)!, 'latin1');
  bytes[40]! ^= 1;
  const remains = new Map(undisturbed.remains).set(name, bytes.toString('latin1'));
  await expect(torture.killed({ ...undisturbed, remains }, [])).rejects.toThrow(`came to another ${name}`);
});
