"""Loads a checkpoint into torchvision with strict=True and compares the logits.

    TANDEM_ROUND_TRIP=FOLDER npx vitest run e2e/golden/round-trip.test.ts
    python3 check_round_trip.py FOLDER/step-000002.safetensors FOLDER/logits.safetensors

Without the second file it only loads the checkpoint (of `tandem train --model resnet18|34|50`) and
prints the logits. Needs torch, torchvision and safetensors.
"""

import json
import sys

import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file

from round_trip import pictures

TOLERANCE = 1e-4


def main():
    path, *rest = sys.argv[1:]
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    config = json.loads(metadata["tandem.model"])
    model = getattr(torchvision.models, config["architecture"])(num_classes=config["numClasses"])
    print(config["architecture"], model.load_state_dict(load_file(path), strict=True))
    with torch.no_grad():
        logits = model.eval()(pictures())
    print(
        f"step {metadata['tandem.step']}, "
        f"num_batches_tracked {model.bn1.num_batches_tracked.item()}"
    )
    if not rest:
        print(logits)
        return
    difference = (logits - load_file(rest[0])["logits"]).abs().max().item()
    print(f"logits up to {logits.abs().max().item():.3f}, largest difference {difference:.1e}")
    if not difference <= TOLERANCE:
        sys.exit(f"expected a difference of {TOLERANCE:.0e} at most")


if __name__ == "__main__":
    main()
