import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { shapeNames } from './outline';

/** What decides every byte of a shapes data set, apart from {@link formatVersion}. */
export interface ShapesParameters {
  readonly perClass: number;
  /** Side of the square pictures, pixels. */
  readonly size: number;
  readonly seed: number;
}

export const stampName = 'shapes.json';

/** Goes up whenever the drawing changes: older pictures are then no longer these. */
const formatVersion = 1;

const stampSchema = v.object({
  format: v.literal('tandem shapes'),
  version: v.literal(formatVersion),
  perClass: v.number(),
  size: v.number(),
  seed: v.number(),
});

export function stampText({ perClass, size, seed }: ShapesParameters): string {
  const stamp = { format: 'tandem shapes', version: formatVersion, perClass, size, seed };
  return `${JSON.stringify(stamp, null, 2)}\n`;
}

/** Whether `dir` holds exactly this data set, whole. */
export async function holdsShapes(dir: string, parameters: ShapesParameters): Promise<boolean> {
  try {
    const text = await readFile(join(dir, stampName), 'utf8');
    const stamp = v.safeParse(stampSchema, JSON.parse(text));
    if (!stamp.success || stampText(stamp.output) !== stampText(parameters)) return false;
    for (const name of shapeNames) {
      if ((await readdir(join(dir, name))).length !== parameters.perClass) return false;
    }
    return true;
  } catch {
    return false;
  }
}
