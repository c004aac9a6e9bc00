"""Golden data for every operation: forward, backward, loss and optimizers, at odd and real shapes.

    python3 operations.py        writes operations.json and operations.safetensors here

Needs torch, numpy and safetensors (made with PyTorch 2.13; nothing here needs a recent one).

The reference is PyTorch in float64 on float32 inputs, rounded to float32 at the end: PyTorch in
float32 is itself up to `float32Error` away from it (largest error over the result's root mean
square; stored for context), which is more than half of what the engines are allowed.
"""

import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

from fingerprint import fingerprint
from operation_cases import CASES, build_cases
from values import labels, values

HERE = pathlib.Path(__file__).parent
LIMIT = 4096


def run_operation(operation, read, state, training):
    kind, x = operation["kind"], read(operation["input"])
    if kind == "convolution":
        return F.conv2d(
            x, state[operation["weight"]], stride=operation["stride"], padding=operation["padding"]
        )
    if kind == "batchNorm":
        return F.batch_norm(
            x,
            state[operation["runningMean"]],
            state[operation["runningVar"]],
            state[operation["weight"]],
            state[operation["bias"]],
            training,
            operation["momentum"],
            operation["epsilon"],
        )
    if kind == "relu":
        return F.relu(x)
    if kind == "add":
        return x + read(operation["other"])
    if kind == "maxPool":
        return F.max_pool2d(x, operation["kernel"], operation["stride"], operation["padding"])
    if kind == "padShortcut":
        before = (operation["outChannels"] - operation["inChannels"]) // 2
        after = operation["outChannels"] - operation["inChannels"] - before
        stride = operation["stride"]
        return F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, before, after))
    if kind == "globalAveragePool":
        return x.mean((2, 3))
    if kind == "linear":
        return F.linear(x, state[operation["weight"]], state[operation["bias"]])
    raise ValueError(kind)


def run_unit(case, x, state, training):
    env = {"input": x}
    for operation in case["operations"]:
        env[operation["output"]] = run_operation(operation, env.__getitem__, state, training)
    return env[case["operations"][-1]["output"]]


def run_case(case, dtype):
    """Every result of a case, by name."""
    name, batch = case["name"], case["batch"]

    def made(tensor, shape, distribution):
        return torch.from_numpy(values(f"{name}/{tensor}", shape, **distribution)).to(dtype)

    state = {}
    for spec in case["parameters"]:
        state[spec["name"]] = made(spec["name"], spec["shape"], spec["values"]).requires_grad_()
    for spec in case["buffers"]:
        state[spec["name"]] = made(spec["name"], spec["shape"], spec["values"])
    parameters = [state[spec["name"]] for spec in case["parameters"]]
    input_shape = [batch, *case["inputShape"]]

    def forward_backward(step):
        x = made(f"input{step}", input_shape, case["input"]).requires_grad_()
        y = run_unit(case, x, state, True)
        y.backward(made(f"outputGradient{step}", list(y.shape), case["outputGradient"]))
        return x, y

    results = {}
    if "optimizer" in case:
        config = case["optimizer"]["config"]
        rate = case["optimizer"]["learningRate"]
        if config["kind"] == "sgd":
            optimizer = torch.optim.SGD(
                parameters,
                lr=rate,
                momentum=config["momentum"],
                nesterov=config["nesterov"],
                weight_decay=config["weightDecay"],
            )
        else:
            optimizer = torch.optim.AdamW(
                parameters,
                lr=rate,
                betas=(config["beta1"], config["beta2"]),
                eps=config["epsilon"],
                weight_decay=config["weightDecay"],
            )
        for step in range(1, case["optimizer"]["steps"] + 1):
            optimizer.zero_grad()
            forward_backward(step)
            optimizer.step()
        for spec, parameter in zip(case["parameters"], parameters):
            results[spec["name"]] = parameter
            for slot in ("momentum_buffer", "exp_avg", "exp_avg_sq"):
                value = optimizer.state[parameter].get(slot)
                if value is not None:
                    results[f"optimizer.{slot}.{spec['name']}"] = value
        return results
    if "loss" in case:
        x = made("input", input_shape, case["input"]).requires_grad_()
        logits = run_unit(case, x, state, True)
        target = torch.from_numpy(labels(f"{name}/labels", batch, logits.shape[1]))
        loss = F.cross_entropy(logits, target, label_smoothing=case["loss"]["labelSmoothing"])
        loss.backward()
        results["loss"] = loss
        results["correct"] = (logits.argmax(1) == target).sum()
        results["logits"] = logits
    else:
        x, y = forward_backward("")
        results["output"] = y
    results["inputGradient"] = x.grad
    for spec, parameter in zip(case["parameters"], parameters):
        results[f"gradient.{spec['name']}"] = parameter.grad
    for spec in case["buffers"]:
        results[spec["name"]] = state[spec["name"]].clone()
    if case["buffers"]:
        with torch.no_grad():
            results["evaluation"] = run_unit(case, x, state, False)
    return results


def main():
    build_cases()
    torch.use_deterministic_algorithms(True)
    samples = {}
    for case in CASES:
        reference = run_case(case, torch.float64)
        single = run_case(case, torch.float32)
        case["results"] = {}
        for key, result in reference.items():
            array = result.detach().numpy()
            entry, sample = fingerprint(array, LIMIT)
            error = np.abs(single[key].detach().numpy().astype(np.float64) - array).max()
            entry["float32Error"] = float(error / (entry["rms"] or 1.0))
            case["results"][key] = entry
            samples[f"{case['name']}/{key}"] = sample
    save_file(samples, HERE / "operations.safetensors")
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in CASES)
    document = f'{{"torch":{json.dumps(torch.__version__)},"cases":[\n{lines}\n]}}\n'
    (HERE / "operations.json").write_text(document)
    worst = max(
        (entry["float32Error"], case["name"], key)
        for case in CASES
        for key, entry in case["results"].items()
    )
    print(
        f"{len(CASES)} cases; PyTorch's own float32 is at most {worst[0]:.1e} off "
        f"({worst[1]}, {worst[2]})"
    )


if __name__ == "__main__":
    main()
