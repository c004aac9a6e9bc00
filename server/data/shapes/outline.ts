/** The ten classes, in the order of their names, and the outline of each. */
export const shapeNames = [
  'arrow',
  'circle',
  'crescent',
  'cross',
  'heart',
  'pentagon',
  'ring',
  'square',
  'star',
  'triangle',
] as const;

export type ShapeName = (typeof shapeNames)[number];

/** SVG paths in a square of -1 to 1 around the origin; filled by the even-odd rule. */
export const outlines: Record<ShapeName, string> = {
  arrow: 'M-1-.3H.05V-.8L1 0L.05 .8V.3H-1Z',
  circle: disc(0.9),
  crescent: 'M.4-.86A.95 .95 0 1 0 .4 .86A.95 .95 0 0 1 .4-.86Z',
  cross: 'M-.3-.95H.3V-.3H.95V.3H.3V.95H-.3V.3H-.95V-.3H-.3Z',
  heart: 'M0 .95C-1.45-.05-.95-1-.45-.9C-.2-.85 0-.6 0-.4C0-.6 .2-.85 .45-.9C.95-1 1.45-.05 0 .95Z',
  pentagon: polygon(5, () => 0.98),
  ring: `${disc(0.95)}${disc(0.52)}`,
  square: 'M-.78-.78H.78V.78H-.78Z',
  star: polygon(10, (corner) => (corner % 2 === 0 ? 1.05 : 0.42)),
  triangle: polygon(3, () => 1.02),
};

function disc(radius: number): string {
  return `M${-radius} 0A${radius} ${radius} 0 1 0 ${radius} 0A${radius} ${radius} 0 1 0 ${-radius} 0Z`;
}

function polygon(corners: number, radius: (corner: number) => number): string {
  const points = Array.from({ length: corners }, (_, corner) => {
    const angle = (2 * Math.PI * corner) / corners - Math.PI / 2;
    const distance = radius(corner);
    return `${(distance * Math.cos(angle)).toFixed(3)} ${(distance * Math.sin(angle)).toFixed(3)}`;
  });
  return `M${points.join('L')}Z`;
}
