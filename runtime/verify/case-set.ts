/**
 * `full` has every operation of the networks at the very shapes of 224x224 pictures, one sample at
 * a time; `quick` at those of smaller pictures, with the same channels, kernels and strides.
 */
export const caseSets = ['quick', 'full'] as const;
export type CaseSet = (typeof caseSets)[number];

/** What a set's ResNet shapes are, in words; says what was reduced. */
export const caseSetWords: Readonly<Record<CaseSet, string>> = {
  quick:
    'ResNet-18, -34, -50 with their own channels, kernels and strides, but pictures of 48x48, one sample',
  full: 'ResNet-18, -34, -50 at the shapes of 224x224 pictures, one sample',
};
