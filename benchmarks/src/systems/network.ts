import {
  BACKBONE,
  type BackboneOptions,
  createContainer,
  type Graph,
  pick,
  registry,
  resolve,
  SEGMENTER,
  type Session,
} from '@graftjs/core';
import modelInception from '@graftjs/model-inception';
import modelResnet from '@graftjs/model-resnet';
import modelVgg from '@graftjs/model-vgg';
import segFcn from '@graftjs/seg-fcn';
import { initialValue } from '@graftjs/trainer';

const container = createContainer([modelInception, modelResnet, modelVgg, segFcn]);
type Sizes = Pick<BackboneOptions, 'size' | 'width'>;
const networks: Readonly<Record<string, (sizes: Sizes) => Graph>> = Object.fromEntries([
  ...[...registry(container, BACKBONE)].map(([name, { build }]) => [name, build]),
  ...[...registry(container, SEGMENTER)].map(([name, segmenter]) => [
    name,
    (sizes: Sizes) =>
      segmenter.build(resolve(container, BACKBONE, segmenter.backbone), { ...sizes, learnedUpsampling: 'all' }),
  ]),
]);

/** The network that a benchmark is about; of a segmenter all layers can be trained. */
export const buildNetwork = (name: string, sizes: Sizes): Graph => pick('network', name, networks)(sizes);

/** Gives every variable the value that training from scratch starts with. */
export function initialize(session: Session): void {
  for (const variable of session.graph.variables) session.write(variable.name, initialValue(variable, 1));
}
