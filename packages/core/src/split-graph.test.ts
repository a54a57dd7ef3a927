import { describe, expect, it } from 'vitest';
import { GraphBuilder } from './builder.js';
import type { Graph } from './graph.js';
import { splitGraph } from './split-graph.js';
import { formulaVariable, uniform } from './testing/formula.js';
import { evaluateGraph } from './testing/reference.js';

function network(keep = 1): Graph {
  const graph = new GraphBuilder('net', { name: 'images', shape: [6, 5, 3], dtype: 'float32' });
  let net = graph.conv2d(graph.input, { name: 'conv1', channels: 4, kernel: 3 });
  net = graph.maxPool(net, { name: 'pool1', kernel: 2 });
  net = graph.conv2d(net, { name: 'conv2', channels: 5, kernel: 3 });
  net = graph.mean(net, { name: 'mean' });
  net = graph.dropout(net, { name: 'dropout', keep });
  net = graph.conv2d(net, { name: 'logits', channels: 3, kernel: 1, activation: 'none' });
  return graph.build(graph.reshape(net, { name: 'squeezed', shape: [3] }), ['logits']);
}
const variables = (graph: Graph) =>
  new Map(graph.variables.map(({ name, shape }) => [name, formulaVariable(name, shape)]));
const trained = (graph: Graph, scope: string) =>
  new Set(graph.variables.map(({ name }) => name).filter((name) => name.startsWith(scope)));

describe('a graph is split where training begins', () => {
  it.each([
    ['net/logits', 'net/dropout'],
    ['net/conv2', 'net/pool1/MaxPool'],
  ])('below %s', (scope, border) => {
    const graph = network();
    const { prefix, suffix } = splitGraph(graph, trained(graph, scope))!;
    expect([prefix.output, suffix.input.name, suffix.output]).toEqual([border, border, graph.output]);
    expect([...prefix.variables, ...suffix.variables].map(({ name }) => name)).toEqual(
      graph.variables.map(({ name }) => name),
    );
    // The two, one after the other, are the whole.
    const example = Array.from(uniform('example', 90));
    const whole = evaluateGraph(graph, variables(graph), example).get(graph.output)!;
    const features = evaluateGraph(prefix, variables(prefix), example).get(border)!;
    expect(evaluateGraph(suffix, variables(suffix), features).get(suffix.output)).toEqual(whole);
  });

  it('before a dropout that drops', () => {
    const graph = network(0.5);
    expect(splitGraph(graph, trained(graph, 'net/logits'))!.prefix.output).toBe('net/mean/Mean');
  });

  it('nowhere, where the first layer is trained', () => {
    const graph = network();
    expect(splitGraph(graph, trained(graph, 'net/conv1'))).toBeUndefined();
  });
});

describe('batch normalization in the frozen part', () => {
  const graph = new GraphBuilder('net', { name: 'images', shape: [6, 5, 3], dtype: 'float32' });
  const features = graph.conv2d(graph.input, { name: 'conv1', channels: 4, kernel: 3, batchNorm: {} });
  const logits = graph.conv2d(graph.mean(features, { name: 'mean' }), { name: 'logits', channels: 3, kernel: 1 });
  const net = graph.build(graph.reshape(logits, { name: 'squeezed', shape: [3] }), ['logits']);

  it('is the same for a picture in every step, by its moving averages', () => {
    const split = splitGraph(net, trained(net, 'net/logits'))!;
    expect(split.prefix.output).toBe('net/mean/Mean');
    expect(split.prefix.variables.map(({ name }) => name)).toContain('net/conv1/BatchNorm/moving_variance');
  });

  it('changes with the batch where it uses the statistics of that', () => {
    const split = splitGraph(net, trained(net, 'net/logits'), 'all');
    expect(split?.prefix.output).toBe('net/conv1/Conv2D');
  });
});
