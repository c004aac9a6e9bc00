import { Random } from '../../runtime/random';

/**
 * Draws a class's share of the validation split: `fraction` of its pictures, rounded, at least one
 * where that leaves one to train with. Depends on the seed, the class's name and the order of its
 * pictures alone, so that a class more or less doesn't move the others' pictures.
 *
 * @param fraction 0 to 1; 0 keeps everything for training
 */
export function splitClass<Item>(
  className: string,
  items: readonly Item[],
  { seed, fraction }: { readonly seed: number; readonly fraction: number },
): { train: Item[]; validation: Item[] } {
  const share = Math.max(1, Math.round(items.length * fraction));
  const count = fraction === 0 ? 0 : Math.min(share, items.length - 1);
  const order = new Random(seed, 'split', className).permutation(items.length);
  const chosen = new Set(order.subarray(0, count));
  return {
    train: items.filter((_, index) => !chosen.has(index)),
    validation: items.filter((_, index) => chosen.has(index)),
  };
}
