import type { Graph, Session } from '@graftjs/core';

/** What a run starts from and saves: the variables of a graph and what the optimizer keeps, wherever they are. */
export type Weights = Pick<Session, 'graph' | 'variables' | 'read' | 'write' | 'fill'>;

/** The weights of two sessions that have a graph between them. */
export function joinWeights(graph: Graph, first: Session, second: Session): Weights {
  const holder = (name: string): Session => (first.variables.has(name) ? first : second);
  return {
    graph,
    variables: new Map([...first.variables, ...second.variables]),
    read: (name, into) => holder(name).read(name, into),
    write: (name, values) => holder(name).write(name, values),
    fill: (name, load) => holder(name).fill(name, load),
  };
}
