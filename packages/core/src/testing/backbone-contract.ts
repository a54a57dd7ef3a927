import type { Backbone, BackboneOptions } from '../backbone.js';
import { elementCount, formatShape } from '../dtype.js';
import { nodesFor } from '../nodes-for.js';
import { variablesOf } from '../ops.js';
import { inScopes } from '../scopes.js';
import { type ContractCase, check, checkFails } from './contract.js';

/**
 * What every backbone keeps.
 * @param small options of a network small enough to be built many times, such as `{ size: 32, width: 0.25 }`
 */
export function backboneContract(backbone: Backbone, small: BackboneOptions): ContractCase[] {
  const { name } = backbone;
  const build = (options: BackboneOptions = {}) => backbone.build({ ...small, ...options });
  return [
    {
      name: `${name} is the same graph for the same options, and cannot be changed`,
      async run() {
        const graph = build({ classes: 7 });
        check(
          JSON.stringify(graph) === JSON.stringify(build({ classes: 7 })),
          'Two graphs of the same options differ.',
        );
        check(
          Object.isFrozen(graph) && Object.isFrozen(graph.nodes[0]) && Object.isFrozen(graph.variables[0]),
          'The graph is not frozen.',
        );
        check(graph.name === name, `The graph of ${name} is named ${graph.name}.`);
      },
    },
    {
      name: `${name} has its own classes and size by default`,
      async run() {
        const { classes, size } = backbone.defaults;
        const graph = backbone.build();
        const output = graph.nodes.find((node) => node.name === graph.output)!;
        check(
          formatShape(graph.input.shape) === formatShape([size, size, 3]),
          `It takes ${formatShape(graph.input.shape)} by default.`,
        );
        check(
          formatShape(output.shape) === `${classes}`,
          `It gives ${formatShape(output.shape)} by default, not ${classes} classes.`,
        );
      },
    },
    ...backbone.heads.map((head) => ({
      name: `${name} with the head ${head}: the head's scopes hold what the classes change, auxiliary layers, and nothing else`,
      async run() {
        const shapes = new Map(
          build({ head, classes: 5 }).variables.map((variable) => [variable.name, formatShape(variable.shape)]),
        );
        const graph = build({ head, classes: 6 });
        // Auxiliary layers are for the task alone, whether they have an output for each class or lie below those that have.
        const needed = new Set(nodesFor(graph, [graph.output]).flatMap(variablesOf));
        for (const { name: variable, shape } of graph.variables) {
          const belongs = shapes.get(variable) !== formatShape(shape) || !needed.has(variable);
          check(
            belongs === inScopes(variable, graph.headScopes),
            `${variable} ${belongs ? 'belongs' : 'does not belong'} to the classes.`,
          );
        }
        check(
          graph.variables.some((variable) => inScopes(variable.name, graph.headScopes)),
          'No variable is in the head.',
        );
      },
    })),
    {
      name: `${name} names end points that are there, the result among them`,
      async run() {
        const graph = build();
        const nodes = new Set(graph.nodes.map((node) => node.name));
        const points = Object.entries(graph.endPoints);
        for (const [point, node] of points)
          check(nodes.has(node), `The end point ${point} stands for ${node}, which is no node.`);
        check(
          points.some(([, node]) => node === graph.output),
          'The result is no end point.',
        );
      },
    },
    {
      name: `${name} declares every variable that a node reads, and no other`,
      async run() {
        const graph = build();
        const read = new Set(graph.nodes.flatMap(variablesOf));
        for (const { name: variable } of graph.variables) check(read.has(variable), `No node reads ${variable}.`);
        check(
          read.size === graph.variables.length,
          `${read.size} variables are read and ${graph.variables.length} declared.`,
        );
      },
    },
    {
      name: `${name} grows with its width`,
      async run() {
        const count = (width: number) =>
          build({ width }).variables.reduce((sum, { shape }) => sum + elementCount(shape), 0);
        check(count(1) > 2 * count(0.5), `${count(0.5)} parameters at half its width, ${count(1)} at its own.`);
      },
    },
    {
      name: `${name} has the features that its levels name, each stride twice the one before`,
      async run() {
        const levels = backbone.levels ?? [];
        const graphs = levels.length > 0 ? [96, 128].map((rows) => build({ imageSize: [rows, 96] })) : [];
        for (const [index, { stride, endPoint }] of levels.entries()) {
          const [small, large] = graphs.map(
            ({ nodes, endPoints }) => nodes.find((node) => node.name === endPoints[endPoint])?.shape,
          );
          check(small !== undefined && large !== undefined, `${endPoint} is no end point.`);
          check(index === 0 || stride === 2 * levels[index - 1]!.stride, `${stride} does not follow its stride.`);
          check(
            formatShape(large) === formatShape([small[0]! + 32 / stride, ...small.slice(1)]),
            `${endPoint} is ${formatShape(small)} for 96 rows and ${formatShape(large)} for 128: its stride is not ${stride}.`,
          );
        }
      },
    },
    ...(backbone.denseLayers ?? []).map(({ name: layer, kernel, channels }) => ({
      name: `${name} has the dense layer ${layer} in its classifier`,
      async run() {
        const { variables } = build({ width: 1, size: backbone.defaults.size });
        const shapeOf = (part: string) =>
          variables.find((variable) => variable.name === `${layer}/${part}`)?.shape ?? [];
        const [weights, biases] = [shapeOf('weights'), shapeOf('biases')];
        const expected = [kernel, kernel, channels, channels];
        const found = [weights[0], weights[1], weights[3], biases[0]];
        check(
          `${found}` === `${expected}`,
          `Its weights are ${formatShape(weights)}, its biases ${formatShape(biases)}.`,
        );
      },
    })),
    ...(backbone.nameMaps ?? []).map(({ source, tensors, input }) => ({
      name: `${name} has the names of ${source} for variables of its own, each arranged by all of its axes`,
      async run() {
        const shapes = new Map(
          backbone.heads.flatMap((head) =>
            build({ head }).variables.map((variable) => [variable.name, variable.shape]),
          ),
        );
        for (const [variable, { axes }] of Object.entries(tensors)) {
          const shape = shapes.get(variable);
          check(shape !== undefined, `${variable} is no variable of ${name}.`);
          const order = axes.flat().sort((a, b) => a - b);
          check(
            `${order}` === `${[...shape.keys()]}`,
            `The axes ${JSON.stringify(axes)} are not those of ${variable}.`,
          );
        }
        const foreign = Object.values(tensors).map((tensor) => tensor.name);
        check(new Set(foreign).size === foreign.length, 'Two variables come from the same tensor.');
        if (input) {
          const usable = input.mean.every(Number.isFinite) && input.deviation.every((value) => value > 0);
          check(usable, `Images cannot be normalized by ${JSON.stringify(input)}.`);
        }
      },
    })),
    {
      name: `${name} refuses a head that it does not have`,
      run: () => checkFails(() => build({ head: 'of-another-body' }), 'usage/', 'an unknown head'),
    },
  ];
}
