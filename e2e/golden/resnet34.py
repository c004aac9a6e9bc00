"""Golden data for a whole ResNet-34: five steps of SGD, as losses and the state after them.

    python3 resnet34.py          writes resnet34.json and resnet34.safetensors here (a minute)

Needs torch, torchvision, numpy and safetensors (made with PyTorch 2.13; nothing here needs a recent
one).

64x64 pictures, a batch of 8 in 2 micro-batches of 4: batch norm sees each micro-batch by itself,
and the gradients are those of the mean loss over all 8. Weights, pictures and labels are
values.py's.

The reference is float64, rounded at the end. How much of a difference float32 makes by itself is
measured by running the same steps in float32 with three orders of summation (oneDNN, oneDNN with
channels last, PyTorch's own loops); it is printed and stored under `float32`. The learning rate was
chosen so that this stays well below the bounds that the engines are held to.
"""

import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from torchvision.models import resnet34

from fingerprint import fingerprint
from values import labels, values

HERE = pathlib.Path(__file__).parent
LIMIT = 1024
STEPS = 5
MICRO_BATCHES = 2
MICRO_BATCH = 4
CLASSES = 10
OPTIMIZER = {"momentum": 0.9, "nesterov": False, "weightDecay": 1e-4}
LEARNING_RATE = 0.003


def initial_state(model):
    """He's variance (fan out) for convolutions, and batch norms as of a network that was trained
    before. Of a fresh one, five steps can't be compared: with a weight of 1 in the last batch norm
    of each block, gradients are ten times as large and float32 noise grows a thousandfold; and a
    bias that starts at 0 is nothing but its updates, of which each ReLU that float32 turns the
    other way is a visible part."""
    state = model.state_dict()
    for name, tensor in state.items():
        if name.startswith("fc."):
            made = values(name, tensor.shape, 1 / math.sqrt(512))
        elif tensor.ndim == 4:
            fan_out = tensor.shape[0] * tensor.shape[2] * tensor.shape[3]
            made = values(name, tensor.shape, math.sqrt(6 / fan_out))
        elif name.endswith("bn2.weight"):
            made = values(name, tensor.shape, 0.05, 0.2)
        elif name.endswith(".bias"):
            made = values(name, tensor.shape, 0.3)
        else:
            continue
        state[name] = torch.from_numpy(made)
    return state


def batch(step, micro_batch):
    name = f"step{step}.{micro_batch}"
    pictures = values(f"{name}/pictures", (MICRO_BATCH, 3, 64, 64), math.sqrt(3))
    return torch.from_numpy(pictures), torch.from_numpy(
        labels(f"{name}/labels", MICRO_BATCH, CLASSES)
    )


def train(dtype, memory_format=torch.contiguous_format):
    model = resnet34(num_classes=CLASSES)
    model.load_state_dict(initial_state(model))
    model = model.to(dtype=dtype, memory_format=memory_format).train()
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=LEARNING_RATE,
        momentum=OPTIMIZER["momentum"],
        weight_decay=OPTIMIZER["weightDecay"],
    )
    losses = []
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        total = 0.0
        for micro_batch in range(MICRO_BATCHES):
            pictures, target = batch(step, micro_batch)
            loss = F.cross_entropy(model(pictures.to(dtype)), target) / MICRO_BATCHES
            loss.backward()
            total += loss.item()
        optimizer.step()
        losses.append(total)
    return losses, {
        key: value.detach().double().numpy() for key, value in model.state_dict().items()
    }


def relative(actual, expected):
    return float(np.linalg.norm(actual - expected) / np.linalg.norm(expected))


def divergence(run, reference):
    """How far a float32 run is from the float64 one."""
    losses, state = run
    expected_losses, expected = reference
    model = resnet34(num_classes=CLASSES)
    start = initial_state(model)
    errors = sorted(
        ((relative(state[name], expected[name]), name) for name in expected), reverse=True
    )
    update = lambda tensors: np.concatenate(
        [
            (tensors[name] - start[name].double().numpy()).reshape(-1)
            for name, _ in model.named_parameters()
        ]
    )
    return {
        "losses": max(abs(a - b) / b for a, b in zip(losses, expected_losses)),
        "worstTensor": errors[0][1],
        "worst": errors[0][0],
        "median": errors[len(errors) // 2][0],
        "updates": relative(update(state), update(expected)),
    }


def main():
    reference = train(torch.float64)
    float32 = {
        "oneDNN": divergence(train(torch.float32), reference),
        "oneDNN, channels last": divergence(train(torch.float32, torch.channels_last), reference),
    }
    with torch.backends.mkldnn.flags(enabled=False):
        float32["PyTorch's loops"] = divergence(train(torch.float32), reference)
    losses, state = reference
    entries, samples = {}, {}
    for name, array in state.items():
        if not name.endswith("num_batches_tracked"):
            entries[name], samples[name] = fingerprint(array, LIMIT)
    save_file(samples, HERE / "resnet34.safetensors")
    document = {
        "torch": torch.__version__,
        "optimizer": {"kind": "sgd", **OPTIMIZER},
        "learningRate": LEARNING_RATE,
        "numMicroBatches": MICRO_BATCHES,
        "microBatchSize": MICRO_BATCH,
        "losses": losses,
        "float32": float32,
        "state": entries,
    }
    (HERE / "resnet34.json").write_text(json.dumps(document, indent=1) + "\n")
    print(LEARNING_RATE, losses)
    print(json.dumps(float32, indent=1))


if __name__ == "__main__":
    main()
