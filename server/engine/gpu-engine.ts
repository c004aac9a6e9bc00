import { DeviceError, requestDevice, type RequestedDevice } from '../../runtime/webgpu/device';
import { WebGpuEngine } from '../../runtime/webgpu/engine';
import { createDawnGpu, type DawnGpu } from './dawn';

/** The WebGPU engine on this computer's graphics processor, in Node through Dawn. */
export class GpuEngine extends WebGpuEngine {
  /** Whether a program plays the graphics processor: right, and far slower than the CPU engine. */
  readonly isSoftware: boolean;
  readonly #dawn: DawnGpu;
  readonly #device: GPUDevice;

  private constructor(dawn: DawnGpu, requested: RequestedDevice) {
    super(requested);
    // It owns the device.
    this.#dawn = dawn;
    this.#device = requested.device;
    const words = `${this.#dawn.implementation} ${requested.description}`;
    this.isSoftware = /swiftshader|llvmpipe|lavapipe|basic render/i.test(words);
  }

  /** @throws DeviceError where this computer has none that the kernels can run on */
  static async create(): Promise<GpuEngine> {
    const dawn = await createDawnGpu();
    try {
      return new GpuEngine(dawn, await requestDevice(dawn.gpu));
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      throw new DeviceError(error.reason, `--engine webgpu: ${error.message}; use --engine cpu`);
    }
  }

  override async dispose(): Promise<void> {
    await super.dispose();
    this.#device.destroy();
  }
}
