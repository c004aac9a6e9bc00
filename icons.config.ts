import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { Plugin } from 'vite';

/** Of the ground under the mark, as in the page's style sheet. */
const accent = '#0b7a72';

/**
 * The icons for home screens, drawn from the page's icon while the pages are built: name, pixels,
 * and the part of the width that the mark takes. Systems cut a maskable one to a circle.
 */
const icons = [
  ['apple-touch-icon.png', 180, 0.72],
  ['icon-192.png', 192, 0.76],
  ['icon-512.png', 512, 0.76],
  ['icon-maskable-512.png', 512, 0.6],
] as const;

/** A part of the build: writes the icons beside the pages. */
export function drawIcons(svgPath: string): Plugin {
  return {
    name: 'draw-icons',
    applyToEnvironment: ({ name }) => name === 'client',
    async generateBundle() {
      const mark = (await readFile(svgPath, 'utf8')).replaceAll(accent, '#ffffff');
      for (const [fileName, size, part] of icons) {
        const width = Math.round(size * part);
        const input = await sharp(Buffer.from(mark), { density: 1200 }).resize(width).toBuffer();
        const source = await sharp({
          create: { width: size, height: size, channels: 3, background: accent },
        })
          .composite([{ input }])
          // iOS shows what is transparent as black.
          .removeAlpha()
          .png()
          .toBuffer();
        this.emitFile({ type: 'asset', fileName, source });
      }
    },
  };
}
