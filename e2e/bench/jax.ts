import * as jax from '@jax-js/jax';
import type { Tensor } from '../../runtime/tensor';
import type { Contestant } from './contestant';
import { directions } from '../../runtime/bench/convolution-case';

/** jax-js: `lax.convGeneralDilated` and its vector-Jacobian products, compiled by `jit`. */
export async function jaxJs(): Promise<Contestant> {
  if (!(await jax.init('webgpu')).includes('webgpu')) {
    throw new Error('its WebGPU backend did not start');
  }
  jax.defaultDevice('webgpu');
  return {
    name: 'jax-js',
    directions,
    async prepare(convolution, direction, data) {
      const { stride, padding } = convolution.operation;
      const pads: [number, number] = [padding, padding];
      const forward = (x: jax.Array, weight: jax.Array): jax.Array =>
        jax.lax.convGeneralDilated(x, weight, [stride, stride], [pads, pads]);
      // The product with the output gradient is what the vector-Jacobian product differentiates;
      // its own value is not asked for, so `jit` leaves the forward convolution out.
      const product = (x: jax.Array, weight: jax.Array, dy: jax.Array): jax.Array =>
        jax.numpy.sum(forward(x, weight).mul(dy));
      const compiled = {
        forward: jax.jit((x: jax.Array, weight: jax.Array, dy: jax.Array) => {
          dy.dispose();
          return forward(x, weight);
        }),
        inputGradient: jax.jit(jax.grad(product, { argnums: 0 })),
        weightGradient: jax.jit(jax.grad(product, { argnums: 1 })),
      }[direction];
      const [x, weight, dy] = [data.x, data.weight, data.dy].map(upload);
      if (!x || !weight || !dy) throw new Error('three operands');
      await jax.blockUntilReady([x, weight, dy]);
      const compute = (): jax.Array => compiled(x.ref, weight.ref, dy.ref);
      return {
        async run(count) {
          const results = Array.from({ length: count }, compute);
          // Nothing is submitted before it is asked for.
          await jax.blockUntilReady(results);
          const last = results.pop();
          for (const result of results) result.dispose();
          await last?.slice(0, 0, 0, 0).data();
        },
        async result() {
          return (await compute().data()) as Float32Array;
        },
        dispose() {
          for (const operand of [x, weight, dy]) operand.dispose();
          compiled.dispose();
        },
      };
    },
  };
}

function upload({ shape, data }: Tensor): jax.Array {
  return jax.numpy.array(data, { shape: [...shape], device: 'webgpu' });
}
