import type { Random } from '../../runtime/random';

/**
 * What training does to a picture:
 * - `imagenet`: a random part of the picture, resized (torchvision's RandomResizedCrop), mirrored or not;
 * - `cifar`: the picture moved by up to an eighth (4 pixels of 32), mirrored or not;
 * - `none`: as in evaluation.
 */
export type Augmentation = 'imagenet' | 'cifar' | 'none';

/** Tiny pictures lose what they show when only a twelfth of them is left. */
export function defaultAugmentation(imageSize: number): Augmentation {
  return imageSize <= 64 ? 'cifar' : 'imagenet';
}

/** A part of a picture, in its pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Draws 8% to 100% of a picture's area in a shape between 3:4 and 4:3, uniform in area and in the
 * logarithm of the ratio (Szegedy et al. 2014; the same steps as torchvision's RandomResizedCrop).
 */
export function randomResizedCrop(random: Random, width: number, height: number): Box {
  const [minRatio, maxRatio] = [3 / 4, 4 / 3];
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = width * height * random.between(0.08, 1);
    const ratio = Math.exp(random.between(Math.log(minRatio), Math.log(maxRatio)));
    const boxWidth = Math.round(Math.sqrt(area * ratio));
    const boxHeight = Math.round(Math.sqrt(area / ratio));
    if (boxWidth < 1 || boxHeight < 1 || boxWidth > width || boxHeight > height) continue;
    return {
      left: random.integer(width - boxWidth + 1),
      top: random.integer(height - boxHeight + 1),
      width: boxWidth,
      height: boxHeight,
    };
  }
  // Too long or too tall for the draws: the middle, as much of it as the ratio allows.
  const boxWidth = Math.min(width, Math.max(1, Math.round(height * maxRatio)));
  const boxHeight = Math.min(height, Math.max(1, Math.round(width / minRatio)));
  return {
    left: Math.floor((width - boxWidth) / 2),
    top: Math.floor((height - boxHeight) / 2),
    width: boxWidth,
    height: boxHeight,
  };
}

/** Where a picture's pixels go: moved right and down by these (negative: left, up), then mirrored. */
export interface Placement {
  readonly right: number;
  readonly down: number;
  readonly isMirrored: boolean;
}

export const unmoved: Placement = { right: 0, down: 0, isMirrored: false };

/** The CIFAR recipe: pad by an eighth on all sides (4 of 32), take a random part, mirror half of them. */
export function randomPlacement(random: Random, imageSize: number): Placement {
  const padding = Math.floor(imageSize / 8);
  const right = random.integer(2 * padding + 1) - padding;
  const down = random.integer(2 * padding + 1) - padding;
  return { right, down, isMirrored: randomMirror(random) };
}

export function randomMirror(random: Random): boolean {
  return random.uniform() < 0.5;
}
