import { halfFeature } from './precision';
import type { FailureReason } from '../worker/status';

/** No device that the kernels can run on; `reason` is the page's. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
  readonly reason: Extract<FailureReason, 'no-webgpu' | 'no-adapter' | 'limits-too-small'>;

  constructor(reason: DeviceError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

export type DeviceLimits = Readonly<Record<LimitName, number>>;

type LimitName =
  | 'maxBufferSize'
  | 'maxStorageBufferBindingSize'
  | 'maxStorageBuffersPerShaderStage'
  | 'maxComputeWorkgroupStorageSize'
  | 'maxComputeInvocationsPerWorkgroup';

const mebibyte = 2 ** 20;

/** What every kernel can count on; a device with less is refused. */
const minimumLimits: DeviceLimits = {
  maxBufferSize: 256 * mebibyte,
  maxStorageBufferBindingSize: 128 * mebibyte,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
};

/**
 * What Safari 26 gives on the smallest iPhone that has WebGPU. Tests ask for no more than this, so
 * that a desktop's larger limits can't hide a kernel that no phone would run.
 */
export const iPhoneLimits: DeviceLimits = {
  maxBufferSize: 256 * mebibyte,
  maxStorageBufferBindingSize: 256 * mebibyte,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 32768,
  maxComputeInvocationsPerWorkgroup: 1024,
};

/** As the iPhone's, but buffers as large as any iPhone gives. */
const largestLimits: DeviceLimits = {
  ...iPhoneLimits,
  maxBufferSize: 1024 * mebibyte,
  maxStorageBufferBindingSize: 1024 * mebibyte,
};

/** Taken where they are offered. */
const optionalFeatures: readonly GPUFeatureName[] = [halfFeature];

export interface RequestedDevice {
  readonly device: GPUDevice;
  /** The adapter in words, for people. */
  readonly description: string;
  /** Whether a processor plays the GPU: correct, and slow. */
  readonly software?: boolean;
  /** All that it should be asked for; absent where nobody knows. */
  readonly memoryBytes?: number;
}

/**
 * A device with each limit requested by name: what the adapter offers, up to `limits`.
 *
 * @param gpu the page's `navigator.gpu` or Dawn's; keep it referenced as long as the device
 * @throws DeviceError when there is no WebGPU, no adapter, or one too small for the kernels
 */
export async function requestDevice(
  gpu: GPU | undefined,
  limits: DeviceLimits = largestLimits,
): Promise<RequestedDevice> {
  if (!gpu) {
    throw new DeviceError(
      'no-webgpu',
      'this browser has no WebGPU; on an iPhone, update to iOS 26',
    );
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new DeviceError('no-adapter', 'WebGPU is there, but it offers no graphics processor');
  }
  const requiredLimits: Record<string, number> = {};
  for (const name of Object.keys(minimumLimits) as LimitName[]) {
    const offered = adapter.limits[name];
    if (offered < minimumLimits[name]) {
      throw new DeviceError(
        'limits-too-small',
        `${name}: expected ${minimumLimits[name]} or more, the graphics processor offers ${offered}`,
      );
    }
    requiredLimits[name] = Math.min(offered, limits[name]);
  }
  const requiredFeatures = optionalFeatures.filter((feature) => adapter.features.has(feature));
  const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
  return { device, description: describe(adapter), software: isSoftware(adapter) };
}

function isSoftware(adapter: GPUAdapter): boolean {
  // Undefined in Safari 26.0, whatever the types say.
  const info = adapter.info as GPUAdapterInfo | undefined;
  return (
    info?.isFallbackAdapter === true || /swiftshader|llvmpipe|lavapipe/i.test(describe(adapter))
  );
}

function describe(adapter: GPUAdapter): string {
  // Undefined in Safari 26.0, whatever the types say.
  const info = adapter.info as GPUAdapterInfo | undefined;
  const words = [info?.vendor, info?.architecture, info?.description].filter(Boolean);
  return words.length > 0 ? words.join(' ') : 'graphics processor';
}

/** What a device gives of the limits that the kernels rely on. */
export function limitsOf(device: GPUDevice): DeviceLimits {
  const names = Object.keys(minimumLimits) as LimitName[];
  return Object.fromEntries(names.map((name) => [name, device.limits[name]])) as DeviceLimits;
}
