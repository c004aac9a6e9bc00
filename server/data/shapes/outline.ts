/**
 * A shape's edge: the signed distance from it, negative inside (exact where it matters, near the
 * edge). Coordinates are such that the shape fills the unit circle; y points down.
 */
export type Outline = (x: number, y: number) => number;

type Point = readonly [x: number, y: number];

function circle(radius: number, centerX = 0): Outline {
  // Not Math.hypot here and in the drawing: its care for huge numbers takes most of the time.
  return (x, y) => Math.sqrt((x - centerX) ** 2 + y ** 2) - radius;
}

/** What is in the first but not in the second. */
function without(shape: Outline, hole: Outline): Outline {
  return (x, y) => Math.max(shape(x, y), -hole(x, y));
}

/** Distance to the nearest edge; inside where a ray crosses an odd number of edges. */
function polygon(points: readonly Point[]): Outline {
  const edges = points.map((from, index): [number, number, number, number] => {
    const to = points[(index + 1) % points.length] ?? from;
    return [from[0], from[1], to[0] - from[0], to[1] - from[1]];
  });
  return (x, y) => {
    let nearest = Infinity;
    let isInside = false;
    for (const [fromX, fromY, alongX, alongY] of edges) {
      const dx = x - fromX;
      const dy = y - fromY;
      const position = (dx * alongX + dy * alongY) / (alongX * alongX + alongY * alongY);
      const clamped = Math.min(1, Math.max(0, position));
      const offX = dx - clamped * alongX;
      const offY = dy - clamped * alongY;
      nearest = Math.min(nearest, offX * offX + offY * offY);
      if (dy < 0 !== dy - alongY < 0 && dx < (dy / alongY) * alongX) isInside = !isInside;
    }
    return isInside ? -Math.sqrt(nearest) : Math.sqrt(nearest);
  };
}

/** Corners on circles of the given radii in turn, the first one at the top. */
function corners(count: number, ...radii: readonly number[]): Point[] {
  return Array.from({ length: count }, (_, index) => {
    const angle = (2 * Math.PI * index) / count;
    const radius = radii[index % radii.length] ?? 1;
    return [radius * Math.sin(angle), -radius * Math.cos(angle)];
  });
}

function heart(): Point[] {
  return Array.from({ length: 28 }, (_, index) => {
    const t = (2 * Math.PI * (index + 0.5)) / 28;
    const x = 16 * Math.sin(t) ** 3;
    const y = 13 * Math.cos(t) - 5 * Math.cos(2 * t) - 2 * Math.cos(3 * t) - Math.cos(4 * t);
    return [x / 17, -y / 17];
  });
}

const cross: readonly Point[] = [
  [-0.27, -0.96],
  [0.27, -0.96],
  [0.27, -0.27],
  [0.96, -0.27],
  [0.96, 0.27],
  [0.27, 0.27],
  [0.27, 0.96],
  [-0.27, 0.96],
  [-0.27, 0.27],
  [-0.96, 0.27],
  [-0.96, -0.27],
  [-0.27, -0.27],
];

const arrow: readonly Point[] = [
  [0, -1],
  [0.8, -0.1],
  [0.26, -0.1],
  [0.26, 0.96],
  [-0.26, 0.96],
  [-0.26, -0.1],
  [-0.8, -0.1],
];

/** The classes of the `shapes` data set. */
export const outlines: ReadonlyMap<string, Outline> = new Map([
  ['arrow', polygon(arrow)],
  ['circle', circle(0.9)],
  ['crescent', without(circle(1), circle(0.85, 0.55))],
  ['cross', polygon(cross)],
  ['heart', polygon(heart())],
  ['pentagon', polygon(corners(5, 1))],
  ['ring', without(circle(0.95), circle(0.5))],
  ['square', polygon(corners(4, 1))],
  ['star', polygon(corners(10, 1, 0.42))],
  ['triangle', polygon(corners(3, 1))],
]);
