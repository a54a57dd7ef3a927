import { slimV2 } from '@graftjs/ckpt-slim';
import { nodeFileSystem } from '@graftjs/core/node';

/** Everything in a checkpoint, by name: the type, the shape and the bytes. */
export async function readCheckpoint(path: string): Promise<Map<string, { type: string; bytes: Uint8Array }>> {
  const reader = await slimV2.open(path, nodeFileSystem);
  const all = new Map<string, { type: string; bytes: Uint8Array }>();
  for (const { name, dtype, shape } of reader.tensors.values()) {
    all.set(name, { type: `${dtype} [${shape}]`, bytes: await reader.read(name) });
  }
  await reader.close();
  return all;
}

/** A float32 variable of a checkpoint. */
export async function readVariable(path: string, name: string): Promise<Float32Array> {
  const found = (await readCheckpoint(path)).get(name)!;
  return new Float32Array(found.bytes.slice().buffer);
}
