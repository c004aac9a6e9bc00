"""A state dict as torchvision's resnet34 saves it, and the logits that it gives.

    python3 round_trip.py        writes round-trip.json here

Needs torch, torchvision, numpy and safetensors (made with PyTorch 2.13; nothing here needs a recent
one).

The file itself would be 85 MB. Its values are values.py's, so round-trip.json holds only its
header, byte for byte as safetensors wrote it, and the SHA-256 of the whole: the test puts the file
together again and proves that it is the same before it loads it.
"""

import hashlib
import json
import math
import pathlib
import tempfile

import torch
import torchvision
from safetensors.torch import save_file
from torchvision.models import resnet34

from resnet34 import CLASSES, initial_state
from values import values

HERE = pathlib.Path(__file__).parent
TRACKED = 40


def trained_state(model):
    """The state of resnet34.py with running statistics as training leaves them."""
    state = initial_state(model)
    for name, tensor in state.items():
        if name.endswith("running_mean"):
            state[name] = torch.from_numpy(values(name, tensor.shape, 0.2))
        elif name.endswith("running_var"):
            state[name] = torch.from_numpy(values(name, tensor.shape, 0.5, 1.0))
        elif name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(TRACKED)
    return state


def pictures():
    return torch.from_numpy(values("round-trip/pictures", (2, 3, 64, 64), math.sqrt(3)))


def main():
    model = resnet34(num_classes=CLASSES).eval()
    model.load_state_dict(trained_state(model))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "resnet34.safetensors"
        save_file(model.state_dict(), path)
        file = path.read_bytes()
    header_bytes = int.from_bytes(file[:8], "little")
    with torch.no_grad():
        float32 = model(pictures()).double()
        logits = model.double()(pictures().double())
    document = {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "numBatchesTracked": TRACKED,
        "logits": logits.tolist(),
        "float32Error": (float32 - logits).abs().max().item(),
        "sha256": hashlib.sha256(file).hexdigest(),
        "header": file[8 : 8 + header_bytes].decode("ascii"),
    }
    (HERE / "round-trip.json").write_text(json.dumps(document, indent=1) + "\n")
    print(logits, document["float32Error"], len(file))


if __name__ == "__main__":
    main()
