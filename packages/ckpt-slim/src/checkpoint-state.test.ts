import { CheckpointError, createMemoryFiles } from '@graftjs/core';
import { describe, expect, it } from 'vitest';
import { fixture, fixtureFiles } from '../test/fixtures.js';
import { latestCheckpoint } from './checkpoint-location.js';
import { readCheckpointState, writeCheckpointState } from './checkpoint-state.js';

const v1 = [...fixtureFiles(fixture('v1_repetitive.ckpt')).values()][0] as Uint8Array;
const index = fixtureFiles(fixture('v2_repetitive.ckpt')).get(`${fixture('v2_repetitive.ckpt').prefix}.index`);

function folderWith(state: string | Uint8Array, others: Readonly<Record<string, Uint8Array>> = {}) {
  const bytes = typeof state === 'string' ? new TextEncoder().encode(state) : state;
  return createMemoryFiles([['/run/checkpoint', bytes], ...Object.entries(others)]);
}

describe('the state file', () => {
  it('is read as TensorFlow writes it', async () => {
    const state = [
      'model_checkpoint_path: "/data/model.ckpt-20"',
      'all_model_checkpoint_paths: "model.ckpt-10"',
      'all_model_checkpoint_paths: "/data/model.ckpt-20"',
      'all_model_checkpoint_timestamps: 1700000000.25',
      'last_preserved_timestamp: 1.7e+09',
    ].join('\n');
    expect(await readCheckpointState('/run', folderWith(state))).toEqual({
      modelCheckpointPath: '/data/model.ckpt-20',
      allModelCheckpointPaths: ['/run/model.ckpt-10', '/data/model.ckpt-20'],
    });
  });

  it('may use all of text format: escapes, single quotes, adjacent strings, comments', async () => {
    const state = `# model_checkpoint_path: "no"\nmodel_checkpoint_path: 'caf\\303\\251/' "\\x61\\"\\\\\\n" # end;\n`;
    const read = await readCheckpointState('/run', folderWith(state));
    expect(read).toEqual({ modelCheckpointPath: '/run/café/a"\\\n', allModelCheckpointPaths: [] });
  });

  it('is written with paths in the folder made relative, and read back', async () => {
    const files = folderWith('');
    const state = {
      modelCheckpointPath: '/run/café "2"\\x',
      allModelCheckpointPaths: ['/elsewhere/model.ckpt-1', '/run/café "2"\\x'],
    };
    await writeCheckpointState('/run', state, files);
    const file = await files.open('/run/checkpoint');
    const bytes = new Uint8Array(file.size);
    await file.read(0, bytes);
    // What tf.compat.v1.train.update_checkpoint_state writes for these paths.
    expect(new TextDecoder().decode(bytes)).toBe(
      [
        String.raw`model_checkpoint_path: "caf\303\251 \"2\"\\x"`,
        'all_model_checkpoint_paths: "/elsewhere/model.ckpt-1"',
        String.raw`all_model_checkpoint_paths: "caf\303\251 \"2\"\\x"`,
        '',
      ].join('\n'),
    );
    expect(await readCheckpointState('/run', files)).toEqual(state);
  });

  it.each([
    ['nothing', ''],
    ['other text', 'hello world'],
    ['two newest', 'model_checkpoint_path: "a" model_checkpoint_path: "b"'],
    ['a string without end', 'model_checkpoint_path: "a'],
    ['a field without value', 'model_checkpoint_path: "a" x:'],
    ['no UTF-8', Uint8Array.of(0xff, 0xfe)],
    ['a path that is no UTF-8', 'model_checkpoint_path: "\\377"'],
    ['a long comment and noise', `#${'a'.repeat(1e6)}\n${'\\'.repeat(10)}`],
    ['a zip file', Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0)],
  ])('is refused if it holds %s', async (_, state) => {
    const reading = readCheckpointState('/run', folderWith(state));
    await expect(reading).rejects.toThrow(CheckpointError);
    await expect(reading).rejects.toMatchObject({ code: 'checkpoint/bad-state-file' });
  });

  it('may be missing', async () => {
    expect(await readCheckpointState('/run', createMemoryFiles())).toBeUndefined();
    expect(await latestCheckpoint('/run', createMemoryFiles())).toBeUndefined();
  });
});

describe('the newest checkpoint', () => {
  it.each([
    ['relative, V1', 'model.ckpt-7', '/run/model.ckpt-7', '/run/model.ckpt-7', v1],
    ['relative, V2', 'model.ckpt-7', '/run/model.ckpt-7.index', '/run/model.ckpt-7', index as Uint8Array],
    ['absolute', '/other/model.ckpt-7', '/other/model.ckpt-7', '/other/model.ckpt-7', v1],
    ['absolute, moved since', '/gone/model.ckpt-7', '/run/model.ckpt-7', '/run/model.ckpt-7', v1],
    ['a shard', 'model.ckpt-7', '/run/model.ckpt-7-00000-of-00001', '/run/model.ckpt-7', v1],
  ])('is found: %s', async (_, named, path, prefix, bytes) => {
    const files = folderWith(`model_checkpoint_path: "${named}"`, { [path]: bytes });
    expect(await latestCheckpoint('/run', files)).toBe(prefix);
    expect(await latestCheckpoint('/run/', files)).toBe(prefix);
  });

  it('is an error if the state file names one that is gone', async () => {
    const files = folderWith('model_checkpoint_path: "model.ckpt-7"');
    await expect(latestCheckpoint('/run', files)).rejects.toMatchObject({ code: 'checkpoint/not-found' });
  });
});
