import { BACKBONE, type Container, ENGINE, resolve, SEGMENTER } from '@graftjs/core';
import type { Oracle } from './oracle.js';
import type { Verification } from './verification.js';
import { verifyForward } from './verify-forward.js';
import { verifyPreprocessing } from './verify-preprocessing.js';
import { verifySegmentation } from './verify-segmentation.js';
import { verifyTraining } from './verify-training.js';

/**
 * Builds what an oracle file describes, runs it, and compares it with what TensorFlow computed.
 * @param oracle from `readOracle`
 * @param options.engine the name of the engine that runs it. Default `onnx`
 * @throws PluginError `plugin/missing` where the network or the engine is not installed
 */
export async function verifyOracle(
  oracle: Oracle,
  container: Container,
  options: { readonly engine?: string } = {},
): Promise<Verification> {
  if (oracle.kind === 'preprocessing') return verifyPreprocessing(oracle);
  const engine = resolve(container, ENGINE, options.engine ?? 'onnx');
  if (oracle.kind === 'segmentation') {
    const segmenter = resolve(container, SEGMENTER, oracle.network);
    return verifySegmentation(oracle, segmenter, resolve(container, BACKBONE, oracle.backbone), engine);
  }
  const backbone = resolve(container, BACKBONE, oracle.network);
  return oracle.kind === 'forward' ? verifyForward(oracle, backbone, engine) : verifyTraining(oracle, backbone, engine);
}
