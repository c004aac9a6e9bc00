import type { Shape } from '../../../runtime/tensor';
import {
  attributeMessage,
  elementTypes,
  encodeModel,
  valueMessage,
  type Attribute,
  type ElementType,
  type NodeMessage,
  type TensorMessage,
} from './schema';

/** A value of a graph under construction; every shape is known when the graph is built. */
export interface Value {
  readonly name: string;
  readonly shape: Shape;
  /** The memory is in plain order; what is `Blocked` is not a value. */
  readonly blockSize?: undefined;
}

/** Collects the nodes of one static ONNX graph. Nodes are added in topological order. */
export class ModelBuilder {
  readonly #name: string;
  readonly #nodes: NodeMessage[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #initializers: TensorMessage[] = [];
  readonly #inputs = new Map<string, Value>();
  readonly #outputs = new Map<string, Value>();
  /** Values of nodes that go out under another name. */
  readonly #renamed = new Map<string, string>();

  constructor(name: string) {
    this.#name = name;
  }

  get inputs(): readonly Value[] {
    return [...this.#inputs.values()];
  }

  get outputs(): readonly Value[] {
    return [...this.#outputs.values()];
  }

  /** A float input of the graph; asked for twice, it is the same one. */
  input(name: string, shape: Shape): Value {
    const known = this.#inputs.get(name);
    if (known) return known;
    const value = { name, shape };
    this.#inputs.set(name, value);
    return value;
  }

  /** Makes `value` an output of the graph under a name of its own. */
  output(name: string, value: Value): void {
    this.#outputs.set(name, { name, shape: value.shape });
    // An input, or what goes out already, can't be renamed; it is copied.
    if (this.#inputs.has(value.name) || this.#renamed.has(value.name)) {
      this.#nodes.push(message('Identity', [value], [name], {}, ''));
    } else {
      this.#renamed.set(value.name, name);
    }
  }

  floats(shape: Shape, values: ArrayLike<number>): Value {
    return this.#constant('float', shape, Float32Array.from(values));
  }

  /** A list of whole numbers, as shapes, axes and pads are given. */
  integers(values: readonly number[]): Value {
    return this.#constant('int64', [values.length], BigInt64Array.from(values.map(BigInt)));
  }

  /** Adds a node of one output; `domain` is empty for ONNX's own operators. */
  node(
    opType: string,
    inputs: readonly Value[],
    shape: Shape,
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Value {
    const [value] = this.nodes(opType, inputs, [shape], attributes, domain);
    if (!value) throw new Error(`${opType}: expected one output`);
    return value;
  }

  /** Adds a node of several outputs. */
  nodes(
    opType: string,
    inputs: readonly Value[],
    shapes: readonly Shape[],
    attributes: Readonly<Record<string, Attribute>> = {},
    domain = '',
  ): Value[] {
    const id = `${opType}_${this.#nodes.length}`;
    const values = shapes.map((shape, index) => ({ name: `${id}:${index}`, shape }));
    const names = values.map(({ name }) => name);
    this.#nodes.push(message(opType, inputs, names, attributes, domain));
    return values;
  }

  /** The model as the bytes of an `.onnx` file. */
  encode(): Uint8Array {
    const describe = ({ name, shape }: Value): object => valueMessage(name, 'float', shape);
    const rename = (name: string): string => this.#renamed.get(name) ?? name;
    const domains = new Set(this.#nodes.map(({ domain }) => domain));
    domains.delete('');
    const graph = {
      name: this.#name,
      node: this.#nodes.map((node) => ({
        ...node,
        input: node.input.map(rename),
        output: node.output.map(rename),
      })),
      initializer: this.#initializers,
      input: this.inputs.map(describe),
      output: this.outputs.map(describe),
    };
    return encodeModel(graph, [...domains]);
  }

  #constant(type: ElementType, shape: Shape, data: Float32Array | BigInt64Array): Value {
    const key = `${type} ${shape.join('x')} ${data.join(' ')}`;
    const known = this.#constants.get(key);
    if (known) return known;
    const value = { name: `constant_${this.#constants.size}`, shape };
    this.#constants.set(key, value);
    this.#initializers.push({
      name: value.name,
      dims: shape,
      dataType: elementTypes[type],
      rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    });
    return value;
  }
}

function message(
  opType: string,
  inputs: readonly Value[],
  output: readonly string[],
  attributes: Readonly<Record<string, Attribute>>,
  domain: string,
): NodeMessage {
  return {
    opType,
    domain,
    name: `${opType} ${output[0] ?? ''}`,
    input: inputs.map((value) => value.name),
    output,
    attribute: Object.entries(attributes).map(([name, value]) => attributeMessage(name, value)),
  };
}
