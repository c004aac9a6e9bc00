"""Tensor values by formula, so that no input has to be stored; runtime/golden/values.ts is the same formula.

    seed  = FNV-1a, 32 bits, of the tensor's name in ASCII
    hash  = mix(index ^ mix(seed))            mix: the 32-bit finaliser "lowbias32" (C. Wellons)
    unit  = (hash >> 8) / 2^23 - 1            in [-1, 1), exact in float32
    value = offset + scale * unit             in float64, then rounded to float32

With `levels`, unit is a whole number from 0 to levels - 1 instead: (hash >> 8) * levels >> 24.
"""

import math

import numpy as np


def mix(x: np.ndarray) -> np.ndarray:
    x = x ^ (x >> np.uint32(16))
    x = x * np.uint32(0x7FEB352D)
    x = x ^ (x >> np.uint32(15))
    x = x * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def hashes(name: str, count: int) -> np.ndarray:
    """The upper 24 bits of each index's hash."""
    seed = 0x811C9DC5
    for byte in name.encode("ascii"):
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    index = np.arange(count, dtype=np.uint32)
    return mix(index ^ mix(np.array([seed], dtype=np.uint32))) >> np.uint32(8)


def values(name: str, shape, scale=1.0, offset=0.0, levels=None) -> np.ndarray:
    bits = hashes(name, math.prod(shape)).astype(np.int64)
    unit = bits / 2.0**23 - 1.0 if levels is None else (bits * levels) >> 24
    return (offset + scale * unit).astype(np.float32).reshape(shape)


def labels(name: str, count: int, classes: int) -> np.ndarray:
    return (hashes(name, count).astype(np.int64) * classes) >> 24
