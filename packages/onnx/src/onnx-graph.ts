import {
  type Attribute,
  blockedDomain,
  type Dimension,
  type elementType,
  encodeModel,
  type OnnxConstant,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from './onnx-proto.js';

/** Writes an ONNX graph node by node. Values are known by name. */
export class OnnxGraph {
  readonly #name: string;
  readonly #nodes: OnnxNode[] = [];
  readonly #inputs = new Map<string, OnnxValue>();
  readonly #outputs = new Map<string, OnnxValue>();
  readonly #constants = new Map<string, OnnxConstant>();
  readonly #tensors = new Map<string, OnnxTensor>();
  /** Values that are outputs, and the names that they have as such. */
  readonly #renamed = new Map<string, string>();

  constructor(name: string) {
    this.#name = name;
  }

  /** Declares an input; declaring it again is no error. */
  input(name: string, type: keyof typeof elementType, dims: readonly Dimension[], description?: string): string {
    this.#inputs.set(name, { name, type, dims, ...(description !== undefined && { description }) });
    return name;
  }

  /**
   * Makes a value an output under a name of its own. The node that gives the value writes it there at once, where an
   * Identity would first make a copy.
   */
  output(
    value: string,
    name: string,
    type: keyof typeof elementType,
    dims: readonly Dimension[],
    description?: string,
  ): void {
    this.#outputs.set(name, { name, type, dims, ...(description !== undefined && { description }) });
    const given = this.#nodes.some(({ outputs }) => outputs.includes(value));
    if (given && !this.#renamed.has(value)) this.#renamed.set(value, name);
    else this.#nodes.push({ opType: 'Identity', domain: '', name, inputs: [value], outputs: [name], attributes: {} });
  }

  /** Adds a node with one output and gives the output's name. An absent optional input is `''`. */
  add(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    return this.addMany(opType, inputs, 1, attributes)[0]!;
  }

  /** Adds an operation of the runtime's blocked layout. */
  blocked(opType: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    return this.addMany(opType, inputs, 1, attributes, blockedDomain)[0]!;
  }

  addMany(
    opType: string,
    inputs: readonly string[],
    outputCount: number,
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): string[] {
    const name = `${opType}_${this.#nodes.length}`;
    const outputs = Array.from({ length: outputCount }, (_, index) => (index === 0 ? name : `${name}_${index}`));
    this.#nodes.push({ opType, domain, name, inputs, outputs, attributes });
    return outputs;
  }

  /** A constant of whole numbers (shapes, axes, positions). */
  ints(values: readonly number[]): string {
    return this.#constant(`ints_${values.join('_')}`, 'int64', [values.length], new BigInt64Array(values.map(BigInt)));
  }

  /** A constant of numbers; by default a list, `dims` gives another shape. */
  floats(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.#constant(`floats_${dims.join('x')}_${values.join('_')}`, 'float32', dims, new Float32Array(values));
  }

  /** Declares a constant that is read when the file is written; declaring it again is no error. */
  tensor(tensor: OnnxTensor): string {
    this.#tensors.set(tensor.name, tensor);
    return tensor.name;
  }

  /** All that were declared. */
  get tensors(): readonly OnnxTensor[] {
    return [...this.#tensors.values()];
  }

  #constant(name: string, type: keyof typeof elementType, dims: readonly number[], values: ArrayBufferView): string {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#constants.set(name, { name, type, dims, bytes });
    return name;
  }

  /** What was written so far, without its tensors. */
  model(): OnnxModel {
    const rename = (names: readonly string[]) => names.map((name) => this.#renamed.get(name) ?? name);
    return {
      name: this.#name,
      nodes: this.#nodes.map((node) => ({ ...node, inputs: rename(node.inputs), outputs: rename(node.outputs) })),
      inputs: [...this.#inputs.values()],
      outputs: [...this.#outputs.values()],
      constants: [...this.#constants.values()],
    };
  }

  /**
   * @param guarded whether the file has the output `sentinel`
   * @param weights constants that nodes read and that have not been declared
   */
  encode(guarded = false, weights: readonly OnnxConstant[] = []): Uint8Array {
    const model = this.model();
    return encodeModel({ ...model, constants: [...model.constants, ...weights], guarded });
  }
}
