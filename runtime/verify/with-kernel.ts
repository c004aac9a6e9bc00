/** The device, but it compiles another source for one kernel: how tests break a kernel on purpose. */
export function withKernel(device: GPUDevice, kernel: string, code: string): GPUDevice {
  return new Proxy(device, {
    get(real, property) {
      if (property === 'createShaderModule') {
        return (descriptor: GPUShaderModuleDescriptor) =>
          real.createShaderModule(
            descriptor.label === kernel ? { ...descriptor, code } : descriptor,
          );
      }
      const value: unknown = Reflect.get(real, property, real);
      return typeof value === 'function' ? (value.bind(real) as unknown) : value;
    },
  });
}
