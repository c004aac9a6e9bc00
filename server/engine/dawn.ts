import { existsSync, readdirSync } from 'node:fs';
import { homedir, constants } from 'node:os';
import { join } from 'node:path';
import { create, globals } from 'webgpu';
import type { DeviceDescription } from '../../runtime/device-report';
import { limitsOf, type RequestedDevice } from '../../runtime/webgpu/device';

/** WebGPU in Node. Keep `gpu` referenced as long as a device of it is used: it owns them. */
export interface DawnGpu {
  readonly gpu: GPU;
  /** `Dawn`, or which software renderer it runs on. */
  readonly implementation: string;
}

/**
 * Dawn's GPU object: on the machine's graphics processor, or, where there is none, on SwiftShader,
 * the software renderer that comes with every Chromium. `VK_ICD_FILENAMES` overrides the search.
 * `gpu.requestAdapter()` gives null where neither exists.
 */
export async function createDawnGpu(): Promise<DawnGpu> {
  Object.assign(globalThis, globals);
  const given = process.env['VK_ICD_FILENAMES'];
  if (process.platform !== 'linux' || loadVulkan('libvulkan.so.1')) {
    const gpu = create([]);
    const adapter = given === undefined ? await gpu.requestAdapter() : undefined;
    if (adapter !== null) return { gpu, implementation: given ? `Dawn on ${given}` : 'Dawn' };
  } else {
    browserFolders().some((folder) => loadVulkan(join(folder, 'libvulkan.so.1')));
    if (given !== undefined) return { gpu: create([]), implementation: `Dawn on ${given}` };
  }
  const swiftShader = browserFolders()
    .map((folder) => join(folder, 'vk_swiftshader_icd.json'))
    .find((file) => existsSync(file));
  if (swiftShader === undefined) return { gpu: create([]), implementation: 'Dawn' };
  process.env['VK_ICD_FILENAMES'] = swiftShader;
  return { gpu: create([]), implementation: `Dawn on SwiftShader (${swiftShader})` };
}

/** A device of Dawn's as it stands in reports. */
export function describeDawnDevice(
  { device, description }: RequestedDevice,
  implementation: string,
): DeviceDescription {
  const agent = `Node ${process.version}, ${implementation}`;
  return { name: description, limits: { ...limitsOf(device) }, agent };
}

/**
 * Keeps a Vulkan loader in the process, so that Dawn's own `dlopen('libvulkan.so.1')` finds it even
 * where the system has none: the search path can't be changed once a process runs.
 */
function loadVulkan(library: string): boolean {
  const keepLoaded = 0x1000; // RTLD_NODELETE, which Node has no name for
  try {
    process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | keepLoaded);
  } catch (error) {
    // Loaded, but not an addon of Node's: just what is wanted.
    return error instanceof Error && error.message.includes('self-register');
  }
  return true;
}

/** Where a Chromium keeps its Vulkan loader and SwiftShader: Debian's, Chrome's, Playwright's. */
function browserFolders(): string[] {
  const playwright =
    process.env['PLAYWRIGHT_BROWSERS_PATH'] ?? join(homedir(), '.cache', 'ms-playwright');
  const downloaded = list(playwright)
    .filter((name) => name.startsWith('chromium'))
    .flatMap((name) => list(join(playwright, name)).map((sub) => join(playwright, name, sub)));
  return [
    '/usr/lib/chromium',
    '/usr/lib/chromium-browser',
    '/opt/google/chrome',
    ...downloaded,
  ].filter((folder) => existsSync(join(folder, 'libvk_swiftshader.so')));
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
