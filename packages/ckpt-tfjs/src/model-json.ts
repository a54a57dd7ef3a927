import { damagedCheckpoint, type FileSystem, formatShape, safeElementCount } from '@graftjs/core';
import { z } from 'zod';

/** Room for the topology of any network, which comes along. */
const mostBytes = 1 << 26;

/** Quantization of tensorflowjs_converter: a value is `scale` times what is stored, plus `min`; float16 is stored as such. */
const quantizationSchema = z.discriminatedUnion('dtype', [
  z.object({ dtype: z.enum(['uint8', 'uint16']), scale: z.number(), min: z.number() }),
  z.object({ dtype: z.literal('float16') }),
]);

const weightSchema = z.object({
  name: z.string(),
  shape: z.array(z.number()),
  dtype: z.enum(['float32', 'int32', 'bool', 'string', 'complex64']),
  quantization: quantizationSchema.optional(),
});

const modelSchema = z.object({
  weightsManifest: z.array(z.object({ paths: z.array(z.string()), weights: z.array(weightSchema) })),
  userDefinedMetadata: z.record(z.string(), z.unknown()).nullish(),
});

/** How a tensor is stored where it is not as it is. */
export type Quantization = z.infer<typeof quantizationSchema>;

/** A tensor as a manifest describes it. */
export type WeightEntry = z.infer<typeof weightSchema>;

/** Tensors whose bytes follow each other through several files. */
export type WeightGroup = z.infer<typeof modelSchema>['weightsManifest'][number];

/** What is taken of a `model.json`: see `ModelJSON` in the types of `@tensorflow/tfjs-core`. */
export interface ModelJson {
  readonly groups: readonly WeightGroup[];
  readonly metadata?: ReadonlyMap<string, string>;
}

async function parseFile(path: string, files: FileSystem): Promise<unknown> {
  const file = await files.open(path);
  try {
    if (file.size > mostBytes) {
      throw damagedCheckpoint(path, undefined, `it has ${file.size} bytes, and at most ${mostBytes} are taken`);
    }
    const bytes = new Uint8Array(file.size);
    await file.read(0, bytes);
    try {
      return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    } catch (cause) {
      throw damagedCheckpoint(path, undefined, 'it is no JSON', cause);
    }
  } finally {
    await file.close();
  }
}

/** Refuses what the schema cannot see: shapes that cannot be, quantization that tfjs does not have, and names that come twice. */
function checkWeights(path: string, groups: readonly WeightGroup[]): void {
  const names = new Set<string>();
  for (const { name, shape, dtype, quantization } of groups.flatMap(({ weights }) => weights)) {
    if (names.has(name)) throw damagedCheckpoint(path, undefined, `it has '${name}' twice`);
    names.add(name);
    if (safeElementCount(shape) === undefined) {
      throw damagedCheckpoint(path, undefined, `'${name}' is ${formatShape(shape)}, which is no shape of a tensor`);
    }
    if (!quantization || dtype === 'float32' || (dtype === 'int32' && quantization.dtype !== 'float16')) continue;
    throw damagedCheckpoint(path, undefined, `'${name}' is ${dtype}, and cannot be quantized to ${quantization.dtype}`);
  }
}

/**
 * Reads a `model.json`.
 * @throws CheckpointError `checkpoint/damaged`
 */
export async function readModelJson(path: string, files: FileSystem): Promise<ModelJson> {
  const parsed = modelSchema.safeParse(await parseFile(path, files));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw damagedCheckpoint(
      path,
      undefined,
      `${z.core.toDotPath(issue!.path) || 'it'}: ${issue!.message}`,
      parsed.error,
    );
  }
  const { weightsManifest, userDefinedMetadata } = parsed.data;
  checkWeights(path, weightsManifest);
  const metadata = Object.entries(userDefinedMetadata ?? {}).map(([name, value]): [string, string] => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return { groups: weightsManifest, ...(userDefinedMetadata && { metadata: new Map(metadata) }) };
}
