import type { Backbone } from '../backbone.js';
import { formatShape, type Shape } from '../dtype.js';
import type { Graph } from '../graph.js';
import { normalizationOf } from '../normalization.js';
import { variablesOf } from '../ops.js';
import { inScopes } from '../scopes.js';
import type { Segmenter, SegmenterOptions } from '../segmenter.js';
import { type ContractCase, check, checkFails } from './contract.js';

const shapesOf = (graph: Graph): Map<string, Shape> =>
  new Map(graph.variables.map((variable) => [variable.name, variable.shape]));

/**
 * What every segmenter keeps.
 * @param backbone one that it can be built on
 * @param small options of a network small enough to be built many times, such as `{ width: 0.1 }`
 */
export function segmenterContract(
  segmenter: Segmenter,
  backbone: Backbone,
  small: SegmenterOptions = {},
): ContractCase[] {
  const build = (options: SegmenterOptions = {}) => segmenter.build(backbone, { ...small, ...options });
  const outputOf = (graph: Graph) => graph.nodes.find(({ name }) => name === graph.output)!.shape;
  const name = `${segmenter.name} on ${backbone.name}`;
  return [
    {
      name: `${name} is the same graph for the same options, and cannot be changed`,
      async run() {
        const graph = build({ classes: 7 });
        check(
          JSON.stringify(graph) === JSON.stringify(build({ classes: 7 })),
          'Two graphs of the same options differ.',
        );
        const frozen = [graph, graph.nodes, graph.nodes[0], graph.variables[0], graph.headScopes, graph.input];
        check(frozen.every(Object.isFrozen), 'The graph is not frozen.');
        check(graph.name === segmenter.name, `The graph is named ${graph.name}.`);
      },
    },
    {
      name: `${name} gives logits for each pixel of images of any size`,
      async run() {
        for (const size of [[97, 131] as const, [160, 96] as const, [101, 100] as const]) {
          const graph = build({ size, classes: 4 });
          const [input, output] = [formatShape(graph.input.shape), formatShape(outputOf(graph))];
          check(input === formatShape([...size, 3]), `It takes ${input} where ${size.join('x')} is asked for.`);
          check(output === formatShape([...size, 4]), `It gives ${output} for ${size.join('x')} and 4 classes.`);
        }
        const { size } = backbone.defaults;
        check(formatShape(build().input.shape) === formatShape([size, size, 3]), 'Its size is not the backbone’s.');
      },
    },
    {
      name: `${name} has variables of the same names and shapes whatever the size`,
      async run() {
        const [one, other] = [build({ size: 96 }), build({ size: [161, 99] })].map((graph) =>
          JSON.stringify(graph.variables),
        );
        check(one === other, 'The variables of two sizes differ.');
      },
    },
    {
      name: `${name}: below the head all is the backbone's, and the head's scopes hold what the classes change`,
      async run() {
        const { denseChannels: _, ...options } = small;
        const own = shapesOf(
          backbone.build({
            size: backbone.defaults.size,
            ...(options.width !== undefined && { width: options.width }),
          }),
        );
        const graph = segmenter.build(backbone, { ...options, classes: 5 });
        const others = shapesOf(segmenter.build(backbone, { ...options, classes: 6 }));
        for (const [variable, shape] of shapesOf(graph)) {
          const belongs = inScopes(variable, graph.headScopes);
          const changes = formatShape(others.get(variable)!) !== formatShape(shape);
          check(belongs === changes, `${variable} ${changes ? 'depends' : 'does not depend'} on the classes.`);
          if (belongs) continue;
          const theirs = own.get(variable);
          check(
            theirs !== undefined && formatShape(theirs) === formatShape(shape),
            `${variable} is ${formatShape(shape)}, and ${theirs ? formatShape(theirs) : 'missing'} in the backbone.`,
          );
        }
        const read = new Set(graph.nodes.flatMap(variablesOf));
        for (const { name: variable } of graph.variables) check(read.has(variable), `No node reads ${variable}.`);
      },
    },
    {
      name: `${name} normalizes images as the backbone does`,
      async run() {
        const [own, theirs] = [build(), backbone.build()].map((graph) => JSON.stringify(normalizationOf(graph)));
        check(own === theirs, `It normalizes by ${own}, the backbone by ${theirs}.`);
      },
    },
    {
      name: `${segmenter.name} reads levels of a backbone, and refuses one without`,
      async run() {
        const strides = backbone.levels?.map(({ stride }) => stride) ?? [];
        for (const stride of segmenter.strides) check(strides.includes(stride), `There is no level of ${stride}.`);
        const { levels: _, ...without } = backbone;
        await checkFails(() => segmenter.build(without, small), 'usage/', 'a backbone without levels');
        await checkFails(() => build({ classes: 0 }), 'usage/', 'no classes');
        await checkFails(() => build({ classes: 256 }), 'usage/', 'more classes than a mask can tell from void');
      },
    },
  ];
}
