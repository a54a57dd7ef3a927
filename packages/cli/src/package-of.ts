/** The packages that bring things of a kind, by how their names begin. */
const packages: readonly (readonly [kind: string, prefix: string, name: string])[] = [
  ['backbone', 'vgg_', '@graftjs/model-vgg'],
  ['backbone', 'resnet_', '@graftjs/model-resnet'],
  ['backbone', 'alexnet_', '@graftjs/model-alexnet'],
  ['backbone', 'inception_', '@graftjs/model-inception'],
  // Whoever names a network may mean one of either kind.
  ['backbone', 'fcn_', '@graftjs/seg-fcn'],
  ['segmenter', 'fcn_', '@graftjs/seg-fcn'],
  ['dataset', 'cifar10', '@graftjs/data-cifar10'],
  ['dataset', 'voc', '@graftjs/data-voc'],
  ['download', 'vgg_', '@graftjs/model-vgg'],
  ['download', 'resnet_', '@graftjs/model-resnet'],
  ['download', 'inception_', '@graftjs/model-inception'],
  ['download', 'cifar10', '@graftjs/data-cifar10'],
  ['download', 'voc', '@graftjs/data-voc'],
  ['dataset', 'folder', '@graftjs/data-folder'],
  ['image reader', '', '@graftjs/data-folder'],
  ['checkpoint format', 'slim-', '@graftjs/ckpt-slim'],
  ['checkpoint format', 'safetensors', '@graftjs/ckpt-safetensors'],
  ['checkpoint format', 'onnx', '@graftjs/ckpt-onnx'],
  ['checkpoint format', 'tfjs', '@graftjs/ckpt-tfjs'],
  ['engine', 'onnx', '@graftjs/engine-onnx'],
  ['engine', 'tfjs', '@graftjs/engine-tfjs'],
];

/**
 * The package to install for something that no plugin brings; undefined for names that are not Graft's own.
 * @param kind as `resolve` of core calls it in the details of `plugin/missing`: `backbone`
 */
export function packageOf(kind: unknown, name: unknown): string | undefined {
  return packages.find(([ofKind, prefix]) => ofKind === kind && String(name).startsWith(prefix))?.[2];
}
