import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Image } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { drawText } from './draw-text.js';

/** The lowest row with ink. */
function lowestInk({ data, height, width }: Image): number {
  for (let y = height - 1; y >= 0; y--) {
    if (data.subarray(y * width * 3, (y + 1) * width * 3).some((value) => value < 128)) return y;
  }
  return -1;
}

describe('drawText', () => {
  it('draws each letter', async () => {
    const ink = async (text: string) => (await drawText(text, 13)).data.reduce((sum, value) => sum + 255 - value, 0);
    const one = await ink('H');
    expect(one).toBeGreaterThan(0);
    // Letters may begin between two pixels.
    expect(Math.abs((await ink('HHHHHHHH')) / one - 8)).toBeLessThan(0.5);
  });

  it('sets all lines on one baseline', async () => {
    const lines = await Promise.all(['x', 'H', 'Hx'].map((text) => drawText(text, 13)));
    expect(new Set(lines.map(({ height }) => height)).size).toBe(1);
    expect(new Set(lines.map(lowestInk)).size).toBe(1);
    expect(lowestInk(await drawText('g', 13))).toBeGreaterThan(lowestInk(lines[0]!));
  });

  it('takes every character for itself', async () => {
    const width = async (text: string) => (await drawText(text, 13)).width;
    expect(await width('<b>&amp;</b>')).toBeGreaterThan((await width('amp')) + 40);
    expect((await drawText('a\nb\tc', 13)).height).toBe((await drawText('abc', 13)).height);
    expect(await width('')).toBe(await width('-'));
  });

  it('needs no fonts of the machine', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'no-fonts-'));
    try {
      const config = join(folder, 'fonts.conf');
      await writeFile(config, `<fontconfig><cachedir>${folder}</cachedir></fontconfig>`);
      const program = `
        const { drawText } = await import(${JSON.stringify(new URL('../dist/draw-text.js', import.meta.url).href)});
        const ink = async (text) => (await drawText(text, 13)).data.reduce((sum, value) => sum + 255 - value, 0);
        console.log(JSON.stringify([await ink('H'), await ink('HHHHHHHH')]));
      `;
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
        env: { ...process.env, FONTCONFIG_FILE: config },
        timeout: 60_000,
      });
      const [one, eight] = JSON.parse(stdout) as [number, number];
      expect(one).toBeGreaterThan(0);
      expect(Math.abs(eight / one - 8)).toBeLessThan(0.5);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
