import { overwrites, type MutatedKernel, type Mutation } from './mutation';

/** Of the convolutions' kernels, at every size of their tiles. */
const forwardFaults: readonly Mutation[] = [
  ['padding off by one', '- params.padding;', '- params.padding - 1u;'],
  ['stride left out', 'pixel.yz * params.stride', 'pixel.yz'],
  ['a column behind the last', 'next.z < params.outWidth', 'next.z <= params.outWidth'],
  ['a row behind the last', 'nextRow.y < params.outHeight', 'nextRow.y <= params.outHeight'],
  [
    'height and width swapped',
    'vec2u(params.inHeight, params.inWidth)',
    'vec2u(params.inWidth, params.inHeight)',
  ],
  ['the last input channels dropped', 'i < params.inBlocks', 'i + 1u < params.inBlocks'],
  ['the last tap dropped', 'kx < params.kernel', 'kx + 1u < params.kernel'],
];
const inputGradientFaults: readonly Mutation[] = [
  ['padding off by one', 'pixel.yz + shift', 'pixel.yz + shift + 1u'],
  ['stride left out', 'kx += stride', 'kx += 1u'],
  ['pixels put one beside the other', '* params.stride + corner', '+ corner'],
  ['taps of another class', 'corner + params.padding - shift * stride', 'corner'],
  ['a column behind the last', 'next.z < size.y', 'next.z <= size.y'],
  ['a row behind the last', 'nextRow.y < size.x', 'nextRow.y <= size.x'],
  ['a column of taps skipped', 'back.y += 1u', 'back.y += 2u'],
  ['the last output channels dropped', 'o < params.outBlocks', 'o + 1u < params.outBlocks'],
  overwrites,
];
const weightGradientFaults: readonly Mutation[] = [
  ['padding off by one', '+ ky - params.padding;', '+ ky - params.padding + 1u;'],
  ['the next picture not begun', 'select(n, n + 1u, isLast)', 'n'],
  ['the last row of a chunk dropped', 'row < endRow', 'row + 1u < endRow'],
  ['the last column dropped', 'ox < endColumn', 'ox + 1u < endColumn'],
  overwrites,
];
const rowWeightGradientFaults: readonly Mutation[] = [
  ['padding off by one', 'oy + ky - 1u', 'oy + ky'],
  ['the next picture not begun', 'select(n, n + 1u, isLast)', 'n'],
  ['the last row of a chunk dropped', 'row < endRow', 'row + 1u < endRow'],
  ['the last column dropped', 'ox < params.outWidth', 'ox + 1u < params.outWidth'],
  [
    'the next row’s pixel to the right',
    'x[source + inStep]), left > 1u)',
    'x[source + inStep]), true)',
  ],
  [
    'gradients behind the last column',
    'dy[place + outStep]), left > 1u)',
    'dy[place + outStep]), true)',
  ],
  ['no pixel to the left', '      x0 = x', '      x0 = 0.0 * x'],
  ['rows of taps swapped', 'tapPlace - chunk * 3u;', '2u - (tapPlace - chunk * 3u);'],
  overwrites,
];
const secondBlockFaults: readonly Mutation[] = [
  ['every other block dropped', 'if (second == 1u)', 'if (false)'],
];

/** The faults of the kernels that make a convolution's three products, tile by tile. */
export const mutatedConvolutions: Readonly<Record<string, MutatedKernel>> = {
  'convolution-4x1': {
    op: 'convolution',
    mutations: [
      ...forwardFaults,
      ['the last pixel dropped', 'first + 3u <= last', 'first + 3u < last'],
      ['a wrong lane', 'x0.w * w3', 'x0.w * w2'],
    ],
  },
  'convolution-4x2': {
    op: 'convolution',
    mutations: [
      ...forwardFaults,
      ...secondBlockFaults,
      ['the last pixel dropped', 'first + 3u <= last', 'first + 3u < last'],
      ['a wrong lane', 'x0.w * v3', 'x0.w * v2'],
    ],
  },
  'convolution-8x2': {
    op: 'convolution',
    mutations: [
      ...forwardFaults,
      ...secondBlockFaults,
      ['the last pixel dropped', 'first + 7u <= last', 'first + 7u < last'],
      ['a wrong lane', 'x7.w * v3', 'x7.w * v2'],
    ],
  },
  'convolution-input-gradient-4x1': {
    op: 'convolution',
    mutations: [
      ...inputGradientFaults,
      ['a tail pixel dropped', 'first + 3u <= last', 'first + 3u < last'],
    ],
  },
  'convolution-input-gradient-4x2': {
    op: 'convolution',
    mutations: [
      ...inputGradientFaults,
      ...secondBlockFaults,
      ['a tail pixel dropped', 'first + 3u <= last', 'first + 3u < last'],
    ],
  },
  'convolution-input-gradient-8x2': {
    op: 'convolution',
    mutations: [
      ...inputGradientFaults,
      ...secondBlockFaults,
      ['a tail pixel dropped', 'first + 7u <= last', 'first + 7u < last'],
    ],
  },
  'convolution-weight-gradient-1x2': {
    op: 'convolution',
    mutations: [
      ...weightGradientFaults,
      ['stride left out', 'source += stride * params', 'source += params'],
      ['every other output block dropped', 'if (hasSecond)', 'if (false)'],
    ],
  },
  'convolution-weight-gradient-2x2': {
    op: 'convolution',
    mutations: [
      ...weightGradientFaults,
      ['stride left out', 'let step = stride * params', 'let step = params'],
      ['every other input block dropped', 'if (nextIn == 1u)', 'if (false)'],
      ['every other output block dropped', 'if (second == 1u)', 'if (false)'],
    ],
  },
  'convolution-weight-gradient-row-1x1': { op: 'convolution', mutations: rowWeightGradientFaults },
  'convolution-weight-gradient-row-1x2': {
    op: 'convolution',
    mutations: [...rowWeightGradientFaults, ...secondBlockFaults],
  },
};
