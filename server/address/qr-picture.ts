import { encode } from 'uqr';

const blackOnWhite = '\u001b[30;107m';
const reset = '\u001b[0m';

/**
 * A QR code for a terminal, two rows of modules a line. Its colours are set, since a camera may
 * not read a code whose dark and light are exchanged.
 */
export function qrPicture(text: string): string {
  // Two modules of border: less than the standard's four, enough for cameras.
  const { data, size } = encode(text, { ecc: 'L', border: 2 });
  const isDark = (x: number, y: number): boolean => data[y]?.[x] ?? false;
  const lines: string[] = [];
  for (let y = 0; y < size; y += 2) {
    let line = '';
    for (let x = 0; x < size; x++) {
      const [upper, lower] = [isDark(x, y), isDark(x, y + 1)];
      line += upper ? (lower ? '█' : '▀') : lower ? '▄' : ' ';
    }
    lines.push(`${blackOnWhite}${line}${reset}`);
  }
  return lines.join('\n');
}
