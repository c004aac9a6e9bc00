import { encode } from 'uqr';
import { expect, test } from 'vitest';
import { qrPicture } from './qr-picture';

const link = 'http://172.20.10.2:7070/#kWJ5Y0R0qf1pXbq3mT8cVw';

test('each module is where the code has it, dark on light', () => {
  const lines = qrPicture(link).split('\n');
  const rows = lines.flatMap((line) => {
    const [, blocks = ''] = /^\u001b\[30;107m(.*)\u001b\[0m$/u.exec(line) ?? [];
    return [
      Array.from(blocks, (block) => block === '█' || block === '▀'),
      Array.from(blocks, (block) => block === '█' || block === '▄'),
    ];
  });
  const { data, size } = encode(link, { ecc: 'L', border: 2 });
  expect(rows.slice(0, size)).toEqual(data);
  expect(rows.slice(size).flat()).not.toContain(true);
});

test('a link fits a small terminal', () => {
  const lines = qrPicture(link).split('\n');
  expect(lines).toHaveLength(17);
});
