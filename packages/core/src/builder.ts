import { formatShape, type Shape } from './dtype.js';
import { GraphError } from './errors.js';
import type { Graph, GraphInput, Initializer, Variable } from './graph.js';
import type {
  BatchNormOptions,
  Conv2dOptions,
  Conv2dTransposeOptions,
  PoolOptions,
  SeparableConv2dOptions,
} from './layer-options.js';
import { nodesFor } from './nodes-for.js';
import { type Node, type NodeSpec, type OpName, type Padding, type Pair, shapeRules, variablesOf } from './ops.js';
import { pair, resolvePadding } from './padding.js';

/** A node of the graph being built: what one layer gives to the next. */
export interface Value {
  readonly name: string;
  /** Of one example: `[height, width, channels]`. */
  readonly shape: Shape;
}

const xavier: Initializer = { kind: 'xavier-uniform' };
const zeros: Initializer = { kind: 'constant', value: 0 };

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
}

/** Writes a graph. Layers are named below the builder's scope and become end points of that name. */
export class GraphBuilder {
  readonly #name: string;
  readonly #scope: string;
  readonly #input: GraphInput;
  #nodes = new Map<string, Node>();
  #variables = new Map<string, Variable>();
  #endPoints = new Map<string, string>();

  /**
   * @param name the network's name: `inception_v1`
   * @param input what one example is
   * @param scope the scope of its variables where it is not the name: `InceptionV1`
   */
  constructor(name: string, input: GraphInput, scope = name) {
    this.#name = name;
    this.#scope = scope;
    this.#input = input;
  }

  /**
   * A builder that goes on from a graph: it begins with what some end points of it need, and with nothing else.
   * @param name the name of what is built
   * @param endPoints those of the graph that it goes on from; see `at`
   */
  static onto(graph: Graph, name: string, endPoints: readonly string[]): GraphBuilder {
    const builder = new GraphBuilder(name, graph.input);
    for (const endPoint of endPoints) {
      if (!Object.hasOwn(graph.endPoints, endPoint))
        throw new GraphError(
          'graph/no-end-point',
          `${graph.name} has no end point ${endPoint}, which ${name} goes on from.`,
        );
    }
    const nodes = nodesFor(
      graph,
      endPoints.map((endPoint) => graph.endPoints[endPoint]!),
    );
    const read = new Set(nodes.flatMap(variablesOf));
    for (const node of nodes) builder.#nodes.set(node.name, node);
    for (const variable of graph.variables)
      if (read.has(variable.name)) builder.#variables.set(variable.name, variable);
    for (const [endPoint, node] of Object.entries(graph.endPoints))
      if (builder.#nodes.has(node)) builder.#endPoints.set(endPoint, node);
    return builder;
  }

  /** A builder of the same graph, whose layers and variables are named below another scope. */
  within(scope: string): GraphBuilder {
    const builder = new GraphBuilder(this.#name, this.#input, scope);
    builder.#nodes = this.#nodes;
    builder.#variables = this.#variables;
    builder.#endPoints = this.#endPoints;
    return builder;
  }

  /** The value that an end point names. */
  at(endPoint: string): Value {
    return this.#value(this.#endPoints.get(endPoint) ?? endPoint, this.#name);
  }

  get scope(): string {
    return this.#scope;
  }

  get input(): Value {
    return this.#input;
  }

  /** Declares a variable below the scope and gives its whole name. */
  variable(
    name: string,
    shape: Shape,
    options: { initializer: Initializer; trainable?: boolean; decayed?: boolean },
  ): string {
    const full = `${this.#scope}/${name}`;
    if (this.#variables.has(full)) throw new GraphError('graph/name-twice', `There are two variables named ${full}.`);
    if (!shape.every((size) => Number.isSafeInteger(size) && size > 0)) {
      throw new GraphError(
        'graph/shape',
        `${full} cannot be ${formatShape(shape)}: every size is a whole number above 0.`,
      );
    }
    const { initializer, trainable = true, decayed = false } = options;
    this.#variables.set(full, { name: full, shape, initializer, trainable, decayed });
    return full;
  }

  /** Adds one node; its shape is inferred, and what does not fit is a `GraphError` that names it. */
  add(spec: NodeSpec): Value {
    if (this.#nodes.has(spec.name) || spec.name === this.#input.name) {
      throw new GraphError('graph/name-twice', `There are two nodes named ${spec.name}.`);
    }
    const inputs = spec.inputs.map((name) => this.#value(name, spec.name).shape);
    const rule = shapeRules[spec.op] as (node: NodeSpec, context: Parameters<(typeof shapeRules)[OpName]>[1]) => Shape;
    const shape = rule(spec, {
      inputs,
      variable: (name) => {
        const found = this.#variables.get(name);
        if (found) return found.shape;
        throw new GraphError('graph/no-variable', `${spec.name} reads the variable ${name}, which is not declared.`);
      },
    });
    const node = { ...spec, shape } as Node;
    this.#nodes.set(node.name, node);
    return node;
  }

  #value(name: string, reader: string): Value {
    const found = name === this.#input.name ? this.#input : this.#nodes.get(name);
    if (found) return found;
    throw new GraphError('graph/no-node', `${reader} reads ${name}, which is not a node before it.`);
  }

  /** Names a value, as users will know it; the names of layers are there already. */
  endPoint(name: string, value: Value): Value {
    this.#endPoints.set(name, value.name);
    return value;
  }

  #layer(name: string, value: Value): Value {
    return this.endPoint(`${this.#scope}/${name}`, value);
  }

  /**
   * `(x - mean) * scale` of images, `mean` per channel, and `scale` too where it is not one number for all. It is named
   * `normalize` by default; the first one is how the network normalizes what it is fed.
   */
  normalize(
    x: Value,
    options: { readonly name?: string; readonly mean: readonly number[]; readonly scale: number | readonly number[] },
  ): Value {
    const { name = 'normalize', mean } = options;
    const scale =
      typeof options.scale === 'number' ? new Array<number>(mean.length).fill(options.scale) : options.scale;
    return this.add({ op: 'normalize', name: `${this.#scope}/${name}`, inputs: [x.name], mean, scale });
  }

  conv2d(x: Value, options: Conv2dOptions): Value {
    const { name, channels, groups = 1, initializer = xavier } = options;
    const shape = [...pair(options.kernel), (x.shape.at(-1) ?? 0) / groups, channels];
    const weights = this.variable(`${name}/weights`, shape, { initializer, decayed: true });
    const y = this.#convolution(x, { ...options, name: `${name}/Conv2D`, weights, groups });
    return this.#activated(y, options);
  }

  separableConv2d(x: Value, options: SeparableConv2dOptions): Value {
    const { name, channels, multiplier = 1, initializer = xavier } = options;
    const inputs = x.shape.at(-1) ?? 0;
    const variable = (part: string, shape: Shape) => this.variable(`${name}/${part}`, shape, { initializer });
    const depthwise = variable('depthwise_weights', [...pair(options.kernel), inputs, multiplier]);
    const pointwise = variable('pointwise_weights', [1, 1, inputs * multiplier, channels]);
    const operation = `${name}/separable_conv2d`;
    const each = { ...options, name: `${operation}/depthwise`, weights: depthwise, groups: inputs };
    const joining = { name: operation, kernel: 1, weights: pointwise, groups: 1 };
    return this.#activated(this.#convolution(this.#convolution(x, each), joining), options);
  }

  #convolution(
    x: Value,
    options: Omit<Conv2dOptions, 'channels'> & { readonly weights: string; readonly groups: number },
  ): Value {
    const { name, weights, groups } = options;
    const [kernel, strides, dilations] = [options.kernel, options.strides ?? 1, options.dilations ?? 1].map(pair) as [
      Pair,
      Pair,
      Pair,
    ];
    const padding = resolvePadding(options.padding ?? 'SAME', x.shape, kernel, strides, dilations);
    const where = { name: `${this.#scope}/${name}`, inputs: [x.name] };
    return this.add({ op: 'conv2d', ...where, weights, groups, strides, padding, dilations });
  }

  conv2dTranspose(x: Value, options: Conv2dTransposeOptions): Value {
    const { name, channels, padding: rule = 'SAME', initializer = { kind: 'bilinear' }, trainable = true } = options;
    const [kernel, strides] = [pair(options.kernel), pair(options.strides)];
    const shape = [...kernel, channels, x.shape.at(-1) ?? 0];
    const weights = this.variable(`${name}/weights`, shape, { initializer, trainable, decayed: trainable });
    const node = `${this.#scope}/${name}/conv2d_transpose`;
    if (rule === 'SAME' && (kernel[0] < strides[0] || kernel[1] < strides[1])) {
      throw new GraphError(
        'graph/shape',
        `${node}: a kernel of ${formatShape(kernel)} does not reach all places with strides of ${formatShape(strides)}.`,
      );
    }
    const [height, width] = [(x.shape[0] ?? 0) * strides[0], (x.shape[1] ?? 0) * strides[1]];
    const padding = resolvePadding(rule, [height, width], kernel, strides, [1, 1]);
    return this.#layer(
      name,
      this.add({ op: 'conv2dTranspose', name: node, inputs: [x.name], weights, strides, padding }),
    );
  }

  /** What follows a convolution. */
  #activated(convolved: Value, options: Omit<Conv2dOptions, 'kernel'>): Value {
    const { name, channels, batchNorm, biases = batchNorm === undefined, activation = 'relu' } = options;
    const scope = `${this.#scope}/${name}`;
    let y = convolved;
    if (biases) {
      const variable = this.variable(`${name}/biases`, [channels], { initializer: options.biasesInitializer ?? zeros });
      y = this.add({ op: 'bias', name: `${scope}/BiasAdd`, inputs: [y.name], biases: variable });
    }
    if (batchNorm) y = this.#batchNorm(y, `${name}/BatchNorm`, batchNorm);
    if (activation === 'relu') y = this.add({ op: 'relu', name: `${scope}/Relu`, inputs: [y.name] });
    return this.#layer(name, y);
  }

  #batchNorm(x: Value, name: string, { scale = false, epsilon = 0.001, decay = 0.999 }: BatchNormOptions): Value {
    const channels = [x.shape.at(-1)!];
    const variable = (part: string, value: number, trainable = true) =>
      this.variable(`${name}/${part}`, channels, { initializer: { kind: 'constant', value }, trainable });
    return this.add({
      op: 'batchNorm',
      name: `${this.#scope}/${name}/FusedBatchNormV3`,
      inputs: [x.name],
      ...(scale && { gamma: variable('gamma', 1) }),
      beta: variable('beta', 0),
      movingMean: variable('moving_mean', 0, false),
      movingVariance: variable('moving_variance', 1, false),
      epsilon,
      decay,
    });
  }

  /** Batch normalization by itself, as `slim.batch_norm`: its variables are `NAME/gamma` and so on. */
  batchNorm(x: Value, options: BatchNormOptions & Pick<Conv2dOptions, 'name' | 'activation'>): Value {
    const { name, activation = 'none', ...batchNorm } = options;
    const y = this.#batchNorm(x, name, batchNorm);
    return this.#layer(name, activation === 'relu' ? this.relu(y, { name: `${name}/Relu` }) : y);
  }

  relu(x: Value, options: { readonly name: string }): Value {
    return this.add({ op: 'relu', name: `${this.#scope}/${options.name}`, inputs: [x.name] });
  }

  /** The sum of values of one shape. */
  sum(values: readonly Value[], options: { readonly name: string }): Value {
    const inputs = values.map(({ name }) => name);
    return this.add({ op: 'add', name: `${this.#scope}/${options.name}`, inputs });
  }

  /** Values side by side: their channels one after the other. */
  concat(values: readonly Value[], options: { readonly name: string }): Value {
    const inputs = values.map(({ name }) => name);
    return this.#layer(options.name, this.add({ op: 'concat', name: `${this.#scope}/${options.name}/concat`, inputs }));
  }

  /** Some channels of a value: `size` of them, from `start` on. */
  slice(x: Value, options: { readonly name: string; readonly start: number; readonly size: number }): Value {
    const { name, ...which } = options;
    return this.add({ op: 'slice', name: `${this.#scope}/${name}`, inputs: [x.name], ...which });
  }

  /** Zeros around an image. */
  pad(x: Value, options: { readonly name: string; readonly padding: Padding }): Value {
    const { name, padding } = options;
    return this.add({ op: 'pad', name: `${this.#scope}/${name}`, inputs: [x.name], padding });
  }

  /** An image without so many of its outer rows and columns. */
  crop(x: Value, options: { readonly name: string; readonly margins: Padding }): Value {
    const { name, margins } = options;
    return this.add({ op: 'crop', name: `${this.#scope}/${name}`, inputs: [x.name], margins });
  }

  maxPool(x: Value, options: PoolOptions): Value {
    return this.#pool('maxPool', 'MaxPool', x, options);
  }

  avgPool(x: Value, options: PoolOptions): Value {
    return this.#pool('avgPool', 'AvgPool', x, options);
  }

  #pool(op: 'maxPool' | 'avgPool', suffix: string, x: Value, options: PoolOptions): Value {
    const [kernel, strides] = [options.kernel, options.strides ?? 2].map(pair) as [Pair, Pair];
    const padding = resolvePadding(options.padding ?? 'VALID', x.shape, kernel, strides, [1, 1]);
    const name = `${this.#scope}/${options.name}/${suffix}`;
    return this.#layer(options.name, this.add({ op, name, inputs: [x.name], kernel, strides, padding }));
  }

  /** Local response normalization; the defaults are `tf.nn.lrn`'s. */
  lrn(x: Value, options: { name: string; depthRadius?: number; bias?: number; alpha?: number; beta?: number }): Value {
    const { name, depthRadius = 5, bias = 1, alpha = 1, beta = 0.5 } = options;
    const node = `${this.#scope}/${name}/LRN`;
    return this.#layer(name, this.add({ op: 'lrn', name: node, inputs: [x.name], depthRadius, bias, alpha, beta }));
  }

  /** `keep` is the probability that an element stays. */
  dropout(x: Value, options: { readonly name: string; readonly keep: number }): Value {
    return this.add({ op: 'dropout', name: `${this.#scope}/${options.name}`, inputs: [x.name], keep: options.keep });
  }

  /** Global average pooling: `[1, 1, channels]`. */
  mean(x: Value, options: { readonly name: string }): Value {
    return this.#layer(
      options.name,
      this.add({ op: 'mean', name: `${this.#scope}/${options.name}/Mean`, inputs: [x.name] }),
    );
  }

  /** Probabilities along the last axis. */
  softmax(x: Value, options: { readonly name: string }): Value {
    return this.add({ op: 'softmax', name: `${this.#scope}/${options.name}`, inputs: [x.name] });
  }

  reshape(x: Value, options: { readonly name: string; readonly shape: Shape }): Value {
    return this.add({ op: 'reshape', name: `${this.#scope}/${options.name}`, inputs: [x.name], shape: options.shape });
  }

  /**
   * The graph, frozen; the builder is done.
   * @param output the result
   * @param headScopes scopes of the layers that belong to the task, below the builder's scope
   * @param auxiliary other logits, and what their losses are multiplied with in training. Default: none
   */
  build(
    output: Value,
    headScopes: readonly string[],
    auxiliary: readonly { readonly output: Value; readonly weight: number }[] = [],
  ): Graph {
    return freeze({
      name: this.#name,
      input: this.#input,
      nodes: [...this.#nodes.values()],
      variables: [...this.#variables.values()],
      endPoints: Object.fromEntries(this.#endPoints),
      output: output.name,
      auxiliary: auxiliary.map(({ output, weight }) => ({ output: output.name, weight })),
      headScopes: headScopes.map((scope) => `${this.#scope}/${scope}`),
    });
  }
}
