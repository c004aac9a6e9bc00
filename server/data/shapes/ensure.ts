import { join } from 'node:path';
import { shapesStamp } from './stamp';
import { writeShapes, type WriteShapesOptions } from './write';

export interface EnsureShapesOptions extends WriteShapesOptions {
  /** Called before anything is drawn, with the number of pictures and the folder. */
  readonly onStart?: (count: number, folder: string) => void;
}

/**
 * The folder below `root` that holds the `shapes` data set of these options; draws it where it
 * isn't there yet. Other options, or another version of the drawing, live in other folders.
 *
 * @throws DatasetError when the folder was changed
 */
export async function ensureShapes(
  root: string,
  { onStart, ...options }: EnsureShapesOptions = {},
): Promise<string> {
  const { version, size, perClass, seed, classes } = shapesStamp(options);
  const folder = join(root, `shapes-v${version}-${size}px-${perClass}-seed${seed}`);
  let isAnnounced = false;
  await writeShapes(folder, {
    ...options,
    onProgress: (written, total) => {
      if (!isAnnounced) onStart?.(perClass * classes.length, folder);
      isAnnounced = true;
      options.onProgress?.(written, total);
    },
  });
  return folder;
}
