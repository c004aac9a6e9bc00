/** What WebGPU computes on: the machine's GPU, software, or nothing at all. */
export type WebGpuMode = 'gpu' | 'software' | 'none';

export interface LaunchOptions {
  readonly executablePath: string;
  readonly chromiumSandbox: boolean;
  readonly args: string[];
}

/** A worker page counts as busy although nobody looks at it, and calls nobody but the host. */
const quietArgs = [
  '--disable-background-networking',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--no-default-browser-check',
];

/** A page that lost the graphics processor may ask for it again, as other browsers let it. */
const recoveryArgs = ['--disable-domain-blocking-for-3d-apis', '--disable-gpu-process-crash-limit'];

const webGpuArgs: Readonly<Record<WebGpuMode, readonly string[]>> = {
  gpu: ['--enable-unsafe-webgpu', '--enable-features=Vulkan'],
  software: [
    '--enable-unsafe-webgpu',
    '--enable-features=Vulkan',
    '--use-webgpu-adapter=swiftshader',
  ],
  none: ['--disable-gpu'],
};

/** How to launch a headless Chromium through Playwright, quiet and never throttled. */
export function launchOptions(executablePath: string, webGpu: WebGpuMode): LaunchOptions {
  return {
    executablePath,
    // Chromium's sandbox refuses to run as root on Linux.
    chromiumSandbox: !(process.platform === 'linux' && process.getuid?.() === 0),
    args: [...quietArgs, ...recoveryArgs, ...webGpuArgs[webGpu]],
  };
}
