import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';

/** A folder of its own for a test's files. */
export class TestFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<TestFolder> {
    return new TestFolder(await mkdtemp(join(tmpdir(), 'tandem-data-')));
  }

  /** Writes bytes, text or a picture by the name's ending; makes the folders above; its path. */
  async write(name: string, content: Sharp | Uint8Array | string): Promise<string> {
    const path = join(this.path, name);
    await mkdir(dirname(path), { recursive: true });
    if (typeof content === 'string' || content instanceof Uint8Array) {
      await writeFile(path, content);
    } else await content.toFile(path);
    return path;
  }

  /** Writes `count` pictures of one colour each, a different one each: `FOLDER/00.png` and on. */
  async writePictures(
    folder: string,
    count: number,
    { size = 8, red = 0 } = {},
  ): Promise<string[]> {
    const paths: string[] = [];
    for (let index = 0; index < count; index++) {
      const name = `${folder}/${String(index).padStart(2, '0')}.png`;
      paths.push(await this.write(name, plain(size, size, [red, index, 255 - index])));
    }
    return paths;
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true });
  }
}

/** A picture of one colour. */
export function plain(
  width: number,
  height: number,
  [r, g, b]: readonly [number, number, number],
): Sharp {
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } });
}

/** Red grows to the right (its value is x), green downwards (y); at most 256 pixels each way. */
export function ramps(width: number, height: number): Sharp {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, index) => {
    const pixel = Math.floor(index / 3);
    return [pixel % width, Math.floor(pixel / width), 100][index % 3] ?? 0;
  });
  return sharp(data, { raw: { width, height, channels: 3 } });
}
