import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { ModelBuilder } from './model-builder';
import { elementWise, pad, reduce, reshape, slice, transpose } from './operators';

async function run(
  graph: ModelBuilder,
  feeds: Readonly<Record<string, readonly number[]>>,
): Promise<Record<string, { shape: readonly number[]; values: number[] }>> {
  const session = await ort.InferenceSession.create(graph.encode());
  const tensors = graph.inputs.map(({ name, shape }) => [
    name,
    new ort.Tensor('float32', Float32Array.from(feeds[name] ?? []), shape),
  ]);
  const results = await session.run(Object.fromEntries(tensors) as Record<string, ort.Tensor>);
  await session.release();
  return Object.fromEntries(
    graph.outputs.map(({ name, shape }) => {
      const result = results[name];
      expect(result?.dims, `${name}: the shape that the builder worked out`).toEqual(shape);
      return [name, { shape, values: [...((result?.data ?? []) as Float32Array)] }];
    }),
  );
}

test('a model is the bytes of the ONNX format', () => {
  const graph = new ModelBuilder('tiny');
  const input = graph.input('x', [2]);
  graph.output('y', graph.node('Relu', [input], [2]));
  // By hand after onnx.proto: field number and wire type, length, content.
  const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
  const float2 = [0x12, 10, 0x0a, 8, 0x08, 1, 0x12, 4, 0x0a, 2, 0x08, 2];
  const node = [
    0x0a,
    ...text('x'),
    0x12,
    ...text('y'),
    0x1a,
    ...text('Relu Relu_0:0'),
    0x22,
    ...text('Relu'),
  ];
  const graphMessage = [
    ...[0x0a, node.length, ...node],
    ...[0x12, ...text('tiny')],
    ...[0x5a, 15, 0x0a, ...text('x'), ...float2],
    ...[0x62, 15, 0x0a, ...text('y'), ...float2],
  ];
  expect([...graph.encode()]).toEqual([
    ...[0x08, 10, 0x12, ...text('tandem')],
    ...[0x3a, graphMessage.length, ...graphMessage],
    ...[0x42, 2, 0x10, 21],
  ]);
});

test('shapes are worked out as ONNX Runtime does', async () => {
  const graph = new ModelBuilder('shapes');
  const x = graph.input('x', [2, 3]);
  graph.output('transposed', transpose(graph, x, [1, 0]));
  graph.output('sliced', slice(graph, x, [1], { start: [0], end: [3], step: 2 }));
  graph.output('padded', pad(graph, x, [0, 1], [1, 0]));
  graph.output('rows', reduce(graph, 'ReduceSum', x, [1], { keep: false }));
  graph.output('columns', reduce(graph, 'ReduceMean', x, [0], { keep: true }));
  graph.output('difference', elementWise(graph, 'Sub', x, graph.floats([3], [1, 2, 3])));
  const results = await run(graph, { x: [1, 2, 3, 4, 5, 6] });
  expect(results).toEqual({
    transposed: { shape: [3, 2], values: [1, 4, 2, 5, 3, 6] },
    sliced: { shape: [2, 2], values: [1, 3, 4, 6] },
    padded: { shape: [3, 4], values: [0, 1, 2, 3, 0, 4, 5, 6, 0, 0, 0, 0] },
    rows: { shape: [2], values: [6, 15] },
    columns: { shape: [1, 3], values: [2.5, 3.5, 4.5] },
    difference: { shape: [2, 3], values: [0, 0, 0, 3, 3, 3] },
  });
});

test('an input, and a value that goes out twice, can be outputs', async () => {
  const graph = new ModelBuilder('outputs');
  const x = graph.input('x', [2]);
  expect(graph.input('x', [2])).toBe(x);
  const sum = reshape(graph, elementWise(graph, 'Add', x, x), [1, 2]);
  graph.output('sum', sum);
  graph.output('again', sum);
  graph.output('same', x);
  graph.output('product', elementWise(graph, 'Mul', sum, sum));
  const results = await run(graph, { x: [1, 3] });
  expect(results).toEqual({
    sum: { shape: [1, 2], values: [2, 6] },
    again: { shape: [1, 2], values: [2, 6] },
    same: { shape: [2], values: [1, 3] },
    product: { shape: [1, 2], values: [4, 36] },
  });
});

test('a scan gives the results of its body for each item', async () => {
  const graph = new ModelBuilder('scanning');
  const [a, b] = [graph.input('a', [3, 2]), graph.input('b', [3, 2])];
  const doubled = graph.node('Add', [a, a], [3, 2]);
  const result = graph.scan([doubled, b], (body, [left, right]) => {
    if (!left || !right) throw new Error('expected two items');
    return elementWise(
      body,
      'Add',
      body.floats([2], [100, 200]),
      elementWise(body, 'Mul', left, right),
    );
  });
  graph.output('result', result);
  const { result: values } = await run(graph, { a: [1, 2, 3, 4, 5, 6], b: [1, 1, 2, 2, 3, 3] });
  expect(values?.values).toEqual([102, 204, 112, 216, 130, 236]);
});
