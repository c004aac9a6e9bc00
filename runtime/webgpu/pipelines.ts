import { tgpu } from 'typegpu';
import type { Kernel } from './kernel';

/** A kernel's WGSL, or its bindings, were refused by the device. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
}

export interface CompiledKernel {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroupLayout: GPUBindGroupLayout;
}

type TypedRoot = ReturnType<typeof tgpu.initFromDevice>;

interface DeviceKernels {
  readonly root: TypedRoot;
  readonly compiled: Map<Kernel, Promise<CompiledKernel>>;
}

const devices = new WeakMap<GPUDevice, DeviceKernels>();

/**
 * The kernel's pipeline, compiled once a device.
 *
 * @throws KernelError with the compiler's messages; without these checks a failed kernel would
 * show itself in Safari only by wrong numbers
 */
export function compileKernel(device: GPUDevice, kernel: Kernel): Promise<CompiledKernel> {
  let known = devices.get(device);
  if (!known) {
    known = { root: tgpu.initFromDevice({ device }), compiled: new Map() };
    devices.set(device, known);
  }
  let compiled = known.compiled.get(kernel);
  if (!compiled) {
    compiled = compile(device, known.root, kernel);
    known.compiled.set(kernel, compiled);
  }
  return compiled;
}

async function compile(
  device: GPUDevice,
  root: TypedRoot,
  { name, code, layout }: Kernel,
): Promise<CompiledKernel> {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ label: name, code });
  const scope = device.popErrorScope();
  const { messages } = await module.getCompilationInfo();
  const errors = messages.filter(({ type }) => type === 'error');
  if (errors.length > 0) {
    const lines = errors.map((error) => `${name}.wgsl:${error.lineNum}: ${error.message}`);
    throw new KernelError(lines.join('\n'));
  }
  const error = await scope;
  if (error) throw new KernelError(`${name}.wgsl: ${error.message}`);

  const bindGroupLayout = root.unwrap(layout);
  try {
    const pipeline = await device.createComputePipelineAsync({
      label: name,
      layout: device.createPipelineLayout({ bindGroupLayouts: [bindGroupLayout] }),
      compute: { module, entryPoint: 'main' },
    });
    return { pipeline, bindGroupLayout };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new KernelError(`${name}.wgsl: ${message}`, { cause });
  }
}
