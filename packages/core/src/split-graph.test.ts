import { describe, expect, it } from 'vitest';
import { GraphBuilder, type Value } from './builder.js';
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

  it('where several values are read: they come as one vector', () => {
    const graph = new GraphBuilder('net', { name: 'images', shape: [6, 5, 3], dtype: 'float32' });
    const below = graph.conv2d(graph.input, { name: 'conv1', channels: 4, kernel: 3 });
    const upper = graph.mean(graph.conv2d(below, { name: 'conv2', channels: 5, kernel: 3 }), { name: 'mean' });
    const frozen = graph.reshape(graph.mean(below, { name: 'low' }), { name: 'frozen', shape: [4] });
    const classifier = (x: Value, name: string) => {
      const logits = graph.conv2d(x, { name, channels: 3, kernel: [x.shape[0]!, x.shape[1]!], padding: 'VALID' });
      return graph.reshape(logits, { name: `${name}/flat`, shape: [3] });
    };
    const auxiliary = [classifier(below, 'aux'), graph.softmax(frozen, { name: 'other' })].map((output) => ({
      output,
      weight: 0.4,
    }));
    const net = graph.build(classifier(upper, 'logits'), ['logits', 'aux'], auxiliary);
    const { prefix, suffix } = splitGraph(net, new Set([...trained(net, 'net/logits'), ...trained(net, 'net/aux')]))!;
    // conv1's Relu, the mean above, and the result of the auxiliary layers that do not learn.
    expect(suffix.input.shape).toEqual([6 * 5 * 4 + 5 + 4]);
    expect([prefix.auxiliary, suffix.auxiliary]).toEqual([[], net.auxiliary]);
    const example = Array.from(uniform('example', 90));
    const whole = evaluateGraph(net, variables(net), example);
    const features = evaluateGraph(prefix, variables(prefix), example).get(prefix.output)!;
    const rest = evaluateGraph(suffix, variables(suffix), features);
    for (const name of [net.output, ...net.auxiliary.map(({ output }) => output)])
      expect(rest.get(name), name).toEqual(whole.get(name));
  });

  it('nowhere, where the first layer is trained, or nothing is', () => {
    const graph = network();
    expect(splitGraph(graph, trained(graph, 'net/conv1'))).toBeUndefined();
    expect(splitGraph(graph, new Set())).toBeUndefined();
  });
});

describe('batch normalization in the frozen part', () => {
  const graph = new GraphBuilder('net', { name: 'images', shape: [6, 5, 3], dtype: 'float32' });
  const features = graph.conv2d(graph.input, { name: 'conv1', channels: 4, kernel: 3, batchNorm: {} });
  const logits = graph.conv2d(graph.mean(features, { name: 'mean' }), { name: 'logits', channels: 3, kernel: 1 });
  const net = graph.build(graph.reshape(logits, { name: 'squeezed', shape: [3] }), ['logits']);

  it('is the same for an image in every step, by its moving averages', () => {
    const split = splitGraph(net, trained(net, 'net/logits'))!;
    expect(split.prefix.output).toBe('net/mean/Mean');
    expect(split.prefix.variables.map(({ name }) => name)).toContain('net/conv1/BatchNorm/moving_variance');
  });

  it('changes with the batch where it uses the statistics of that', () => {
    const split = splitGraph(net, trained(net, 'net/logits'), 'all');
    expect(split?.prefix.output).toBe('net/conv1/Conv2D');
  });
});
