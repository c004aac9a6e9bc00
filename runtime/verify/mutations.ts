import { mutatedConvolutions } from './convolution-mutations';
import { overwrites, type MutatedKernel, type Mutation } from './mutation';

const tailDropped: Mutation = [
  'the last vector dropped',
  'index >= params.count',
  'index + 1u >= params.count',
];
const barrierMissing: Mutation = ['the barrier missing', '  workgroupBarrier();\n', ''];
const treeCutShort: Mutation = [
  'the last step of the tree dropped',
  '  join(place, lane, 1u);\n',
  '',
];
const blocksMixed: Mutation = [
  'one block a workgroup',
  '(group.x * 64u + place) / params.lanes',
  'group.x',
];

/**
 * Kernels made wrong on purpose, by the name of their file: what a slip of the pen, a missing
 * barrier or a wrong tail would look like. The harness is good for something only while it catches
 * every one of them.
 */
export const mutatedKernels: Readonly<Record<string, MutatedKernel>> = {
  ...mutatedConvolutions,
  'add-chunks': {
    op: 'convolution',
    mutations: [
      ['the last partial sum dropped', 'chunk < params.chunks', 'chunk + 1u < params.chunks'],
      ['overwrites a gradient that is there', 'sum[index] += total', 'sum[index] = total'],
      tailDropped,
    ],
  },
  'batch-norm-statistics': {
    op: 'batch norm',
    mutations: [
      [
        'the last pixels dropped',
        'index < params.count; index += step',
        'index + step < params.count; index += step',
      ],
      ['a pixel too few counted', '/ step + 1u)', '/ step)'],
      ['squares about zero, not the mean', 'squares - sum * offset', 'squares'],
    ],
  },
  'batch-norm-statistics-combine': {
    op: 'batch norm',
    mutations: [
      barrierMissing,
      treeCutShort,
      blocksMixed,
      [
        'chunks behind the first of each lane dropped',
        'chunk < params.chunks',
        'chunk < min(params.lanes, params.chunks)',
      ],
      ['biased running variance', 'max(params.pixels, 2u) - 1u', 'params.pixels'],
      ['longer chunks forgotten', 'select(0u, 1u, chunk', 'select(0u, 0u, chunk'],
    ],
  },
  'batch-norm': {
    op: 'batch norm',
    mutations: [
      ['the last vector dropped', 'fourth < params.count', 'fourth + 1u < params.count'],
      [
        'the bias left out',
        '(vec4f(x[second]) - mean) * scale + shift',
        '(vec4f(x[second]) - mean) * scale',
      ],
    ],
  },
  'batch-norm-evaluation': {
    op: 'batch norm',
    mutations: [
      ['the last vector dropped', 'third < params.count', 'third + 1u < params.count'],
      ['multiplied by the deviation', 'inverseSqrt(', 'sqrt('],
    ],
  },
  'batch-norm-gradient-sums': {
    op: 'batch norm',
    mutations: [
      [
        'the last pixels dropped',
        'index < params.count; index += step',
        'index + step < params.count; index += step',
      ],
      [
        'the mean not taken off',
        'g3 * (vec4f(x[index + 3u * step]) - mean)',
        'g3 * vec4f(x[index + 3u * step])',
      ],
    ],
  },
  'batch-norm-gradient-sums-combine': {
    op: 'batch norm',
    mutations: [
      barrierMissing,
      treeCutShort,
      blocksMixed,
      ['overwrites the weight’s gradient', 'dWeight[block] += along', 'dWeight[block] = along'],
      ['overwrites the bias’s gradient', 'dBias[block] += plain', 'dBias[block] = plain'],
    ],
  },
  'batch-norm-input-gradient': {
    op: 'batch norm',
    mutations: [
      ['the mean of dy left in', 'vec4f(dy[second]) - level', 'vec4f(dy[second])'],
      ['the last vector dropped', 'fourth < params.count', 'fourth + 1u < params.count'],
      overwrites,
    ],
  },
  'batch-norm-relu': {
    op: 'batch norm with ReLU',
    mutations: [
      ['the last vector dropped', 'fourth < params.count', 'fourth + 1u < params.count'],
      [
        'the bias left out',
        '(vec4f(x[second]) - mean) * scale + shift',
        '(vec4f(x[second]) - mean) * scale',
      ],
      [
        'the ReLU left out',
        'max((vec4f(x[third]) - mean) * scale + shift, vec4f(0.0))',
        '(vec4f(x[third]) - mean) * scale + shift',
      ],
    ],
  },
  'batch-norm-add-relu': {
    op: 'batch norm with ReLU',
    mutations: [
      ['the last vector dropped', 'fourth < params.count', 'fourth + 1u < params.count'],
      ['the shortcut left out', ' + vec4f(shortcut[index])', ''],
      ['the neighbour’s shortcut', 'shortcut[index]', 'shortcut[index ^ 1u]'],
    ],
  },
  'batch-norm-relu-gradient-sums': {
    op: 'batch norm with ReLU',
    mutations: [
      [
        'the last pixels dropped',
        'index < params.count; index += step',
        'index + step < params.count; index += step',
      ],
      [
        'the mean not taken off',
        'g3 * (vec4f(x[index + 3u * step]) - mean)',
        'g3 * vec4f(x[index + 3u * step])',
      ],
      ['the mask left out', 'vec4f(y[index]) > vec4f(0.0)', 'vec4<bool>(true)'],
    ],
  },
  'batch-norm-add-relu-gradient-sums': {
    op: 'batch norm with ReLU',
    mutations: [
      [
        'the last pixels dropped',
        'index < params.count; index += step',
        'index + step < params.count; index += step',
      ],
      ['the mask left out', 'vec4f(y[index]) > vec4f(0.0)', 'vec4<bool>(true)'],
      ['the shortcut’s gradient dropped', '    passOn(index + 3u * step, g3);\n', ''],
      ['the shortcut’s last gradients dropped', '    passOn(index, g);\n', ''],
      overwrites,
    ],
  },
  'batch-norm-relu-input-gradient': {
    op: 'batch norm with ReLU',
    mutations: [
      ['the mask left out', 'masked(second)', 'dy[second]'],
      ['the mean of dz left in', 'masked(third) - level', 'masked(third)'],
      ['the last vector dropped', 'fourth < params.count', 'fourth + 1u < params.count'],
      overwrites,
    ],
  },
  relu: {
    op: 'relu',
    mutations: [tailDropped, ['a slope below zero', 'vec4f(0.0)', 'x[index] * 0.01']],
  },
  'relu-input-gradient': {
    op: 'relu',
    mutations: [
      tailDropped,
      ['a gradient at zero', 'vec4f(y[index]) > vec4f', 'vec4f(y[index]) >= vec4f'],
      overwrites,
    ],
  },
  add: {
    op: 'add',
    mutations: [
      tailDropped,
      ['a wrong operand', 'vec4f(a[index]) + vec4f(b[index])', 'vec4f(a[index]) + vec4f(a[index])'],
    ],
  },
  'add-input-gradient': { op: 'add', mutations: [tailDropped, overwrites] },
  'max-pool': {
    op: 'max pool',
    mutations: [
      [
        'padding off by one',
        'max(params.padding, top) - top',
        'max(params.padding + 1u, top) - top',
      ],
      ['stride swapped for the window', 'column * params.stride', 'column * params.kernel'],
      ['the last column of the window dropped', 'kx < endX', 'kx + 1u < endX'],
      ['the last of equal values', 'value > best', 'value >= best'],
    ],
  },
  'max-pool-input-gradient': {
    op: 'max pool',
    mutations: [
      ['padding left out', 'id.y + params.padding', 'id.y'],
      ['the last window dropped', 'placeX / params.stride + 1u', 'placeX / params.stride'],
      ['stride left out', 'placeY - row * params.stride', 'placeY - row'],
      overwrites,
    ],
  },
  'global-average-pool': {
    op: 'global average pool',
    mutations: [
      ['the last pixels dropped', 'for (; index < end;', 'for (; index + step < end;'],
      ['a partial sum dropped', '(sum2 + sum3)', 'sum2'],
      ['the last vector dropped', 'output >= params.count', 'output + 1u >= params.count'],
    ],
  },
  'global-average-pool-input-gradient': {
    op: 'global average pool',
    mutations: [
      ['a pixel too many counted', '/ f32(params.pixels)', '/ f32(params.pixels + 1u)'],
      ['the last vector dropped', 'id.x >= size', 'id.x + 1u >= size'],
      overwrites,
    ],
  },
  'pad-shortcut': {
    op: 'pad shortcut',
    mutations: [
      ['padding off by one', '- params.before', '- params.before - 1u'],
      ['stride left out', 'column * params.stride', 'column'],
      ['the last channel dropped', 'channelValue(base, channel + 3u)', '0.0'],
    ],
  },
  'pad-shortcut-input-gradient': {
    op: 'pad shortcut',
    mutations: [
      ['padding left out', 'known + params.before', 'known'],
      ['a gradient for the pixels between', ' && column * params.stride == x', ''],
      overwrites,
    ],
  },
  linear: {
    op: 'linear',
    mutations: [
      ['the last input features dropped', 'i < params.inBlocks', 'i + 1u < params.inBlocks'],
      ['the bias left out', 'sum + bias[block]', 'sum'],
      ['the last sample dropped', 'n >= params.batch', 'n + 1u >= params.batch'],
    ],
  },
  'linear-input-gradient': {
    op: 'linear',
    mutations: [
      ['the last output features dropped', 'o < params.outBlocks', 'o + 1u < params.outBlocks'],
      overwrites,
    ],
  },
  'linear-weight-gradient': {
    op: 'linear',
    mutations: [
      ['the last sample dropped from the bias', 'n < params.batch', 'n + 1u < params.batch'],
      ['a wrong lane', 'value.w * gradient', 'value.z * gradient'],
      ['overwrites a gradient that is there', 'dweight[out] += sum0', 'dweight[out] = sum0'],
    ],
  },
  'nchw-to-nhwc': {
    op: 'boundary layout',
    mutations: [
      [
        'the lanes behind the last channel kept',
        '< vec4u(params.channels)',
        '<= vec4u(params.channels)',
      ],
      ['the last sample dropped', 'n >= params.batch', 'n + 1u >= params.batch'],
    ],
  },
  'nhwc-to-nchw': {
    op: 'boundary layout',
    mutations: [
      ['the last channel dropped', 'c + 1u < params.channels', 'c + 2u < params.channels'],
      ['written behind the last channel', 'if (c + 3u < params.channels)', 'if (true)'],
    ],
  },
  'softmax-cross-entropy': {
    op: 'softmax cross-entropy',
    mutations: [
      [
        'the barrier missing',
        'fn joinSums(lane: u32, width: u32) {\n  workgroupBarrier();',
        'fn joinSums(lane: u32, width: u32) {',
      ],
      ['the last step of the tree dropped', '  joinSums(lane, 1u);\n', ''],
      ['the smoothed share left out', 'vec4f(spread + kept)', 'vec4f(kept)'],
      [
        'lanes behind the last class summed',
        'exp(distance), isClass',
        'exp(distance), vec4<bool>(true)',
      ],
      ['the last of equal classes', 'class4 >= vec4u(label)', 'class4 <= vec4u(label)'],
    ],
  },
  'softmax-cross-entropy-mean': {
    op: 'softmax cross-entropy',
    mutations: [['the last sample dropped', 'sample < params.batch', 'sample + 1u < params.batch']],
  },
  sgd: {
    op: 'SGD',
    mutations: [
      tailDropped,
      ['decay upwards', '+ params.weightDecay', '- params.weightDecay'],
      ['the gradient not cleared', 'gradients[index] = vec4f(0.0)', 'gradients[index] = slope'],
    ],
  },
  'sgd-momentum': {
    op: 'SGD',
    mutations: [
      tailDropped,
      ['the momentum left out', 'params.momentum * momentumBuffer[index] + slope', 'slope'],
      ['Nesterov everywhere', 'params.nesterov == 1u', 'params.nesterov < 2u'],
      ['the gradient not cleared', 'gradients[index] = vec4f(0.0)', 'gradients[index] = slope'],
    ],
  },
  adamw: {
    op: 'AdamW',
    mutations: [
      tailDropped,
      ['divided by the variance', 'sqrt(second)', 'second'],
      ['decay left out', 'parameters[index] * step.decay', 'parameters[index]'],
      ['the gradient not cleared', 'gradients[index] = vec4f(0.0)', 'gradients[index] = slope'],
    ],
  },
};
