import { BACKBONE, type Container, ENGINE, resolve, SEGMENTER, type SessionOptions } from '@graftjs/core';
import type { Oracle } from './oracle.js';
import type { Verification } from './verification.js';
import { verifyForward } from './verify-forward.js';
import { verifyPreprocessing } from './verify-preprocessing.js';
import { verifySegmentation } from './verify-segmentation.js';
import { verifyTraining } from './verify-training.js';

/**
 * Builds what an oracle file describes, runs it, and compares it with what TensorFlow computed.
 * @param oracle from `readOracle`
 * @param options.engine the name of the engine that runs it. Default `onnx`; the others say where
 * @throws PluginError `plugin/missing` where the network or the engine is not installed
 */
export async function verifyOracle(
  oracle: Oracle,
  container: Container,
  { engine: name = 'onnx', ...where }: { readonly engine?: string } & SessionOptions = {},
): Promise<Verification> {
  if (oracle.kind === 'preprocessing') return verifyPreprocessing(oracle);
  const engine = resolve(container, ENGINE, name);
  if (oracle.kind === 'segmentation') {
    const segmenter = resolve(container, SEGMENTER, oracle.network);
    return verifySegmentation(oracle, segmenter, resolve(container, BACKBONE, oracle.backbone), engine, where);
  }
  const backbone = resolve(container, BACKBONE, oracle.network);
  return oracle.kind === 'forward'
    ? verifyForward(oracle, backbone, engine, where)
    : verifyTraining(oracle, backbone, engine, where);
}
