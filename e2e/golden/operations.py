"""Golden data for every operation: forward, backward, loss and optimizers, at odd and real shapes.

    python3 operations.py        writes operations.json and operations.safetensors here

Needs torch, numpy and safetensors, of any version (made with PyTorch 2.13; Debian's python3-torch
does as well).

The reference is PyTorch in float64 on float32 inputs, rounded to float32 at the end: PyTorch in
float32 is itself up to `float32Error` away from it (largest error over the result's root mean
square; stored for context), which is as much as the bound that the engines are held to.
"""

import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

from fingerprint import fingerprint
from values import labels, values

HERE = pathlib.Path(__file__).parent
UNIT = math.sqrt(3)  # of a uniform distribution in +-scale: standard deviation 1
LIMIT = 4096
CASES = []


def uniform(scale=UNIT, offset=0.0, levels=None):
    return {"scale": scale, "offset": offset, **({} if levels is None else {"levels": levels})}


def case(name, operations, input_shape, batch, parameters=None, buffers=None, **more):
    """Parameters and buffers: name -> (shape, distribution). `more`: input, outputGradient, loss, optimizer."""
    listed = lambda tensors: [
        {"name": key, "shape": list(shape), "values": distribution}
        for key, (shape, distribution) in (tensors or {}).items()
    ]
    CASES.append(
        {
            "name": name,
            "operations": operations,
            "inputShape": list(input_shape),
            "batch": batch,
            "parameters": listed(parameters),
            "buffers": listed(buffers),
            "input": more.pop("input", uniform()),
            "outputGradient": more.pop("outputGradient", uniform()),
            **more,
        }
    )


def convolution(channels, kernel, stride, size, batch=2):
    inputs, outputs = channels
    operation = {
        "kind": "convolution",
        "input": "input",
        "output": "conv",
        "weight": "conv.weight",
        "inChannels": inputs,
        "outChannels": outputs,
        "kernel": kernel,
        "stride": stride,
        "padding": (kernel - 1) // 2,
    }
    case(
        f"convolution {kernel}x{kernel} stride {stride}, {inputs} to {outputs} channels, {batch}x{size[0]}x{size[1]}",
        [operation],
        (inputs, *size),
        batch,
        {"conv.weight": ((outputs, inputs, kernel, kernel), uniform(math.sqrt(3 / (inputs * kernel**2))))},
    )


def batch_norm(channels, size, batch=2, mean=0.0, scale=UNIT, note=""):
    names = {key: f"bn.{key}" for key in ("weight", "bias", "running_mean", "running_var")}
    operation = {
        "kind": "batchNorm",
        "input": "input",
        "output": "bn",
        "weight": names["weight"],
        "bias": names["bias"],
        "runningMean": names["running_mean"],
        "runningVar": names["running_var"],
        "channels": channels,
        "epsilon": 1e-5,
        "momentum": 0.1,
    }
    case(
        f"batch norm, {channels} channels, {batch}x{size[0]}x{size[1]}{note}",
        [operation],
        (channels, *size),
        batch,
        {names["weight"]: ((channels,), uniform(0.5, 1.0)), names["bias"]: ((channels,), uniform(0.5))},
        {names["running_mean"]: ((channels,), uniform(0.5)), names["running_var"]: ((channels,), uniform(0.5, 1.0))},
        input=uniform(scale, mean),
    )


def linear_operation(inputs, outputs):
    return {
        "kind": "linear",
        "input": "input",
        "output": "fc",
        "weight": "fc.weight",
        "bias": "fc.bias",
        "inFeatures": inputs,
        "outFeatures": outputs,
    }


def linear_parameters(inputs, outputs):
    return {
        "fc.weight": ((outputs, inputs), uniform(math.sqrt(3 / inputs))),
        "fc.bias": ((outputs,), uniform(0.5)),
    }


def build_cases():
    convolution((3, 64), 7, 2, (15, 17))
    convolution((3, 64), 7, 2, (32, 32))
    convolution((3, 5), 7, 1, (9, 8), batch=1)
    convolution((3, 16), 3, 1, (32, 32))
    convolution((3, 5), 3, 1, (5, 7), batch=1)
    convolution((5, 16), 3, 2, (9, 7))
    convolution((5, 3), 1, 1, (6, 5))
    convolution((16, 64), 1, 2, (7, 9))
    convolution((16, 16), 3, 1, (32, 32))
    convolution((16, 32), 3, 2, (16, 16))
    convolution((64, 64), 3, 1, (14, 14))
    convolution((64, 64), 3, 1, (1, 1))
    convolution((64, 64), 3, 2, (2, 3))
    convolution((64, 128), 3, 2, (14, 13))
    convolution((64, 128), 1, 2, (14, 14))
    convolution((64, 256), 1, 1, (8, 8))
    convolution((256, 64), 1, 1, (8, 7))
    convolution((128, 128), 3, 1, (7, 7))
    convolution((128, 256), 3, 2, (7, 7))
    convolution((256, 256), 3, 1, (7, 5), batch=1)
    convolution((256, 512), 3, 2, (7, 7), batch=1)
    convolution((256, 512), 1, 2, (7, 7))
    convolution((512, 512), 3, 1, (4, 4))
    convolution((512, 512), 3, 2, (4, 4))
    convolution((512, 2048), 1, 1, (3, 3))
    convolution((2048, 512), 1, 1, (3, 3), batch=1)
    convolution((1024, 2048), 1, 2, (4, 4), batch=1)

    batch_norm(3, (5, 7))
    batch_norm(16, (9, 11), batch=3)
    batch_norm(64, (14, 14))
    batch_norm(64, (14, 14), mean=10.0, note=", mean 10")
    batch_norm(5, (7, 5), mean=-30.0, scale=3 * UNIT, note=", mean -30, deviation 3")
    batch_norm(512, (1, 1), batch=32)
    batch_norm(512, (2, 2), batch=4)
    batch_norm(2048, (2, 2))

    relu = {"kind": "relu", "input": "input", "output": "relu"}
    case("relu, odd sizes", [relu], (5, 7, 3), 2)
    case("relu, with zeros", [relu], (64, 4, 4), 2, input=uniform(1.0, -2.0, 5))
    add = {"kind": "add", "input": "relu", "other": "input", "output": "add"}
    case("add, odd sizes", [relu, add], (5, 7, 3), 2)
    case("add, 256 channels", [relu, add], (256, 4, 4), 2)

    pool = {"kind": "maxPool", "input": "input", "output": "pool", "kernel": 3, "stride": 2, "padding": 1}
    case("max pool, 64 channels, 16x16", [pool], (64, 16, 16), 2)
    case("max pool, 5 channels, 15x13", [pool], (5, 15, 13), 2)
    case("max pool, ties", [pool], (16, 11, 8), 2, input=uniform(0.5, 0.0, 3))
    case("max pool, all equal", [pool], (3, 5, 6), 1, input=uniform(0.0, 1.0))
    case("max pool, one pixel", [pool], (4, 1, 1), 1)

    def pad(inputs, outputs, stride, size):
        operation = {
            "kind": "padShortcut",
            "input": "input",
            "output": "pad",
            "inChannels": inputs,
            "outChannels": outputs,
            "stride": stride,
        }
        name = f"pad shortcut, {inputs} to {outputs} channels, stride {stride}, {size[0]}x{size[1]}"
        case(name, [operation], (inputs, *size), 2)

    pad(16, 32, 2, (32, 32))
    pad(32, 64, 2, (7, 9))
    pad(3, 9, 1, (4, 5))

    average = {"kind": "globalAveragePool", "input": "input", "output": "avgpool"}
    case("global average pool, 512 channels, 7x7", [average], (512, 7, 7), 2, outputGradient=uniform(UNIT * 49))
    case("global average pool, 5 channels, 3x1", [average], (5, 3, 1), 3, outputGradient=uniform(UNIT * 3))
    case("global average pool, 64 channels, 8x8", [average], (64, 8, 8), 2, outputGradient=uniform(UNIT * 64))

    for inputs, outputs, batch in ((5, 3, 1), (64, 10, 3), (512, 10, 4), (512, 1000, 4), (2048, 1000, 2)):
        case(
            f"linear, {inputs} to {outputs}, {batch} samples",
            [linear_operation(inputs, outputs)],
            (inputs,),
            batch,
            linear_parameters(inputs, outputs),
        )

    # Pooling a single pixel leaves the input as it is: the loss by itself.
    for classes, batch, smoothing, scale in (
        (10, 4, 0.0, UNIT),
        (10, 16, 0.1, UNIT),
        (1000, 4, 0.0, UNIT),
        (1000, 2, 0.1, UNIT),
        (7, 1, 0.1, 20.0),
        (10, 3, 0.0, 60.0),
    ):
        case(
            f"softmax cross-entropy, {batch}x{classes}, label smoothing {smoothing}, logits to {scale:.3g}",
            [average],
            (classes, 1, 1),
            batch,
            input=uniform(scale),
            loss={"labelSmoothing": smoothing},
        )
    case(
        "linear with softmax cross-entropy, 64 to 10",
        [linear_operation(64, 10)],
        (64,),
        8,
        linear_parameters(64, 10),
        loss={"labelSmoothing": 0.1},
    )

    sgd = {"kind": "sgd", "momentum": 0.0, "nesterov": False, "weightDecay": 0.0}
    momentum = {**sgd, "momentum": 0.9}
    adamw = {"kind": "adamw", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0.01}
    for name, config, rate in (
        ("SGD", sgd, 0.1),
        ("SGD, weight decay", {**sgd, "weightDecay": 0.01}, 0.1),
        ("SGD, momentum", momentum, 0.1),
        ("SGD, momentum and weight decay", {**momentum, "weightDecay": 0.01}, 0.1),
        ("SGD, Nesterov", {**momentum, "nesterov": True}, 0.1),
        ("SGD, Nesterov and weight decay", {**momentum, "nesterov": True, "weightDecay": 0.01}, 0.1),
        ("AdamW", adamw, 0.01),
        ("AdamW, no weight decay, other betas", {**adamw, "beta1": 0.8, "beta2": 0.99, "weightDecay": 0.0}, 0.01),
    ):
        case(
            f"{name}, 3 steps",
            [linear_operation(33, 7)],
            (33,),
            4,
            linear_parameters(33, 7),
            outputGradient=uniform(UNIT / 2),
            optimizer={"config": config, "learningRate": rate, "steps": 3},
        )


def run_operation(operation, read, state, training):
    kind, x = operation["kind"], read(operation["input"])
    if kind == "convolution":
        return F.conv2d(x, state[operation["weight"]], stride=operation["stride"], padding=operation["padding"])
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
    worst = max((entry["float32Error"], case["name"], key) for case in CASES for key, entry in case["results"].items())
    print(f"{len(CASES)} cases; PyTorch's own float32 is at most {worst[0]:.1e} off ({worst[1]}, {worst[2]})")


if __name__ == "__main__":
    main()
