"""What is stored of a result: all values of a small tensor; of a large one every `stride`-th value,
its root mean square, and its projection on a fixed direction, which any value can change:

    projection = sum(value[i] * direction[i]) / sqrt(count)
    direction  = values("direction", count)

`stride` is the smallest prime that leaves `limit` values or fewer and does not divide the count, so
that the sample meets every row, column and channel.
"""

import numpy as np

from values import values


def stride_of(count: int, limit: int) -> int:
    if count <= limit:
        return 1
    stride = -(-count // limit)
    while any(stride % d == 0 for d in range(2, stride)) or stride < 2 or count % stride == 0:
        stride += 1
    return stride


def fingerprint(array: np.ndarray, limit: int) -> tuple[dict, np.ndarray]:
    """The entry for the JSON file, and the sample as float32 for the safetensors file."""
    flat = np.asarray(array, dtype=np.float64).reshape(-1)
    stride = stride_of(flat.size, limit)
    direction = values("direction", (flat.size,)).astype(np.float64)
    entry = {
        "shape": list(np.shape(array)),
        "stride": stride,
        "rms": float(np.sqrt(np.mean(flat**2))),
        "projection": float(flat @ direction / np.sqrt(flat.size)),
    }
    return entry, flat[::stride].astype(np.float32)
