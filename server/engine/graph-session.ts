import * as ort from 'onnxruntime-node';
import type { BuiltGraph } from './graphs/names';

/** A graph that ONNX Runtime has compiled for this machine. Runs block the event loop. */
export class GraphSession {
  readonly #graph: BuiltGraph;
  readonly #session: ort.InferenceSession;

  private constructor(graph: BuiltGraph, session: ort.InferenceSession) {
    this.#graph = graph;
    this.#session = session;
  }

  static async create(graph: BuiltGraph, numThreads: number): Promise<GraphSession> {
    const session = await ort.InferenceSession.create(graph.model, {
      executionProviders: ['cpu'],
      executionMode: 'sequential',
      intraOpNumThreads: numThreads,
      interOpNumThreads: 1,
      // Fusions beyond `basic` may differ between two graphs with the same nodes, and their bits.
      graphOptimizationLevel: 'basic',
      // A planned block would come on top of what the first run, before there is a plan, has taken.
      enableMemPattern: false,
      // Threads that wait actively after a run would take the cores from the next session.
      extra: { session: { force_spinning_stop: '1' } },
    });
    return new GraphSession(graph, session);
  }

  /**
   * @param feed gives each input; the arrays are read in place
   * @returns each output in an array of its own
   */
  async run(feed: (name: string) => Float32Array): Promise<Map<string, Float32Array>> {
    const feeds = Object.fromEntries(
      this.#graph.inputs.map(({ name, shape }) => [
        name,
        new ort.Tensor('float32', feed(name), shape),
      ]),
    );
    const results = await this.#session.run(feeds);
    return new Map(this.#graph.outputs.map(({ name }) => [name, floats(name, results[name])]));
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

function floats(name: string, value: ort.OnnxValue | undefined): Float32Array {
  if (value?.data instanceof Float32Array) return value.data;
  throw new Error(
    `expected ONNX Runtime to give '${name}' as float32, got ${value?.type ?? 'none'}`,
  );
}
