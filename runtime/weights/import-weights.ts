import { buffersOf, parametersOf, type Model } from '../model/graph';
import { formatShape, sameShape, type NamedTensors } from '../tensor';
import { fromHuggingFace, namingOf, type Naming } from './names';
import { DtypeError, readFloat32, readInteger, type StoredTensor } from './stored-tensor';

export interface ImportOptions {
  /** Leaves the file's head out, for a fresh one: fine-tuning for other classes. */
  readonly replaceHead?: boolean;
}

/** A file's tensors as a model's state. */
export interface ImportedWeights {
  /** Parameters and running statistics by torchvision's names; without the head where replaced. */
  readonly state: NamedTensors;
  readonly naming: Naming;
  /** The parameters that the caller has to initialise. */
  readonly replaced: readonly string[];
  /** Training forward passes that the running statistics have seen; 0 where the file has none. */
  readonly numBatchesTracked: number;
}

/** A file's tensors are not those of the model. */
export class WeightsError extends Error {
  override readonly name = 'WeightsError';
}

/**
 * A file's tensors as the state of `model`: torchvision's names as they are, Hugging Face's mapped.
 *
 * @throws WeightsError naming what is missing, unexpected, or has another shape or type
 */
export function importWeights(
  file: ReadonlyMap<string, StoredTensor>,
  model: Model,
  { replaceHead = false }: ImportOptions = {},
): ImportedWeights {
  const naming = namingOf(file.keys());
  const remaining = new Map(
    [...file].map(([name, tensor]) => [
      naming === 'huggingface' ? fromHuggingFace(name) : name,
      tensor,
    ]),
  );
  const head = new Set(model.units.at(-1)?.parameters.map(({ name }) => name));
  const state: NamedTensors = new Map();
  const misfits: Misfits = { missing: [], shapes: [], unexpected: [] };
  let numBatchesTracked = 0;
  for (const { name, shape } of [...parametersOf(model.units), ...buffersOf(model.units)]) {
    const stored = remaining.get(name);
    remaining.delete(name);
    if (replaceHead && head.has(name)) continue;
    if (!stored) misfits.missing.push(name);
    else if (!sameShape(shape, stored.shape)) {
      const [expected, actual] = [formatShape(shape), formatShape(stored.shape)];
      misfits.shapes.push({ name, text: `${name}: expected ${expected}, got ${actual}` });
    } else state.set(name, { shape, data: readAs(name, stored, readFloat32) });
  }
  for (const [name, stored] of remaining) {
    if (!name.endsWith('.num_batches_tracked')) misfits.unexpected.push(name);
    else numBatchesTracked = Math.max(numBatchesTracked, readAs(name, stored, readInteger));
  }
  const classes = file.get(naming === 'huggingface' ? 'classifier.1.bias' : 'fc.bias')?.shape[0];
  const sentence = describe(misfits, head, model, classes);
  if (sentence !== undefined) throw new WeightsError(sentence);
  return { state, naming, replaced: replaceHead ? [...head] : [], numBatchesTracked };
}

interface Misfits {
  readonly missing: string[];
  readonly shapes: { readonly name: string; readonly text: string }[];
  readonly unexpected: string[];
}

/** All that does not fit, and what to do about it; undefined when everything fits. */
function describe(
  { missing, shapes, unexpected }: Misfits,
  head: ReadonlySet<string>,
  { architecture, numClasses }: Model,
  classes: number | undefined,
): string | undefined {
  const misfits = shapes.map(({ text }) => text);
  if (missing.length > 0) misfits.push(`missing: ${listed(missing)}`);
  if (unexpected.length > 0) misfits.push(`not in the model: ${listed(unexpected)}`);
  if (misfits.length === 0) return undefined;
  const isHeadOnly =
    unexpected.length === 0 &&
    [...missing, ...shapes.map(({ name }) => name)].every((name) => head.has(name));
  const remedy = isHeadOnly
    ? `the weights are for ${classes === undefined ? 'no' : String(classes)} classes: start with a fresh head (--new-head) to fine-tune for ${numClasses}`
    : `the weights are another network's: choose the model that they were made with`;
  return `the weights don't fit ${architecture} with ${numClasses} classes; ${listed(misfits, '; ')}; ${remedy}`;
}

/** At most four, and how many more. */
function listed(items: readonly string[], separator = ', '): string {
  const shown = items.slice(0, 4).join(separator);
  return items.length > 4 ? `${shown} and ${items.length - 4} more` : shown;
}

function readAs<Value>(
  name: string,
  stored: StoredTensor,
  read: (what: string, stored: StoredTensor) => Value,
): Value {
  try {
    return read(name, stored);
  } catch (error) {
    if (error instanceof DtypeError) throw new WeightsError(error.message);
    throw error;
  }
}
