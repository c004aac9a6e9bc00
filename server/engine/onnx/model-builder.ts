import type { Shape } from '../../../runtime/tensor';
import {
  attributeMessage,
  elementTypes,
  encodeModel,
  valueMessage,
  type Attribute,
  type ElementType,
  type GraphMessage,
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
  /** Begins the names of the graph's own values: those of a body may not be its graph's. */
  readonly #prefix: string;
  readonly #nodes: NodeMessage[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #initializers: TensorMessage[] = [];
  readonly #inputs = new Map<string, Value>();
  readonly #outputs = new Map<string, Value>();
  /** Operator sets besides ONNX's own. */
  readonly #domains = new Set<string>();
  /** Values of nodes that go out under another name. */
  readonly #renamed = new Map<string, string>();

  constructor(name: string, prefix = '') {
    this.#name = name;
    this.#prefix = prefix;
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
    const id = `${this.#prefix}${opType}_${this.#nodes.length}`;
    const values = shapes.map((shape, index) => ({ name: `${id}:${index}`, shape }));
    const names = values.map(({ name }) => name);
    this.#nodes.push(message(opType, inputs, names, attributes, domain));
    if (domain !== '') this.#domains.add(domain);
    return values;
  }

  /**
   * The results of a graph of its own for each item along the first axis of the values, one item
   * after the other.
   */
  scan(
    values: readonly Value[],
    build: (body: ModelBuilder, items: readonly Value[]) => Value,
  ): Value {
    const [count = 0] = values[0]?.shape ?? [];
    const prefix = `${this.#prefix}body_${this.#nodes.length} `;
    const body = new ModelBuilder(`${prefix}of ${this.#name}`, prefix);
    const items = values.map(({ shape }, index) =>
      body.input(`${prefix}item_${index}`, shape.slice(1)),
    );
    const result = build(body, items);
    body.output(`${prefix}result`, result);
    for (const domain of body.#domains) this.#domains.add(domain);
    const attributes = { body: { graph: body.#message() }, num_scan_inputs: values.length };
    return this.node('Scan', values, [count, ...result.shape], attributes);
  }

  /** The model as the bytes of an `.onnx` file. */
  encode(): Uint8Array {
    return encodeModel(this.#message(), [...this.#domains]);
  }

  #message(): GraphMessage {
    const describe = ({ name, shape }: Value): object => valueMessage(name, 'float', shape);
    const rename = (name: string): string => this.#renamed.get(name) ?? name;
    return {
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
  }

  #constant(type: ElementType, shape: Shape, data: Float32Array | BigInt64Array): Value {
    const key = `${type} ${shape.join('x')} ${data.join(' ')}`;
    const known = this.#constants.get(key);
    if (known) return known;
    const value = { name: `${this.#prefix}constant_${this.#constants.size}`, shape };
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
