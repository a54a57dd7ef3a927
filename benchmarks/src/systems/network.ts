import {
  BACKBONE,
  type BackboneOptions,
  createContainer,
  type Graph,
  pick,
  registry,
  type Session,
} from '@graftjs/core';
import modelInception from '@graftjs/model-inception';
import modelResnet from '@graftjs/model-resnet';
import modelVgg from '@graftjs/model-vgg';
import { initialValue } from '@graftjs/trainer';

const backbones = Object.fromEntries(registry(createContainer([modelInception, modelResnet, modelVgg]), BACKBONE));

/** The network that a benchmark is about. */
export const buildNetwork = (name: string, options: BackboneOptions): Graph =>
  pick('network', name, backbones).build(options);

/** Gives every variable the value that training from scratch starts with. */
export function initialize(session: Session): void {
  for (const variable of session.graph.variables) session.write(variable.name, initialValue(variable, 1));
}
