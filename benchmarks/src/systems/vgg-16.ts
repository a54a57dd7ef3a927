import type { BackboneOptions, Graph, Session } from '@graftjs/core';
import { vggBackbones } from '@graftjs/model-vgg';
import { initialValue } from '@graftjs/trainer';

const vgg16 = vggBackbones.find(({ name }) => name === 'vgg_16')!;

export const buildVgg16 = (options: BackboneOptions): Graph => vgg16.build(options);

/** Gives every variable the value that training from scratch starts with. */
export function initialize(session: Session): void {
  for (const variable of session.graph.variables) session.write(variable.name, initialValue(variable, 1));
}
