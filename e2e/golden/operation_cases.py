"""The cases of operations.py: single operations as the model's graph describes them, at odd sizes
and at those of ResNet-20, -34 and -50, with the distributions that their tensors are drawn from.

Values are scaled so that results are of the order of 1 where they can be.
"""

import math

UNIT = math.sqrt(3)  # of a uniform distribution in +-scale: standard deviation 1
CASES = []


def uniform(scale=UNIT, offset=0.0, levels=None):
    return {"scale": scale, "offset": offset, **({} if levels is None else {"levels": levels})}


def case(name, operations, input_shape, batch, parameters=None, buffers=None, **more):
    """Parameters and buffers: name -> (shape, distribution).

    `more`: input and outputGradient (distributions), loss, optimizer.
    """
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
        f"convolution {kernel}x{kernel} stride {stride}, {inputs} to {outputs} channels, "
        f"{batch}x{size[0]}x{size[1]}",
        [operation],
        (inputs, *size),
        batch,
        {
            "conv.weight": (
                (outputs, inputs, kernel, kernel),
                uniform(math.sqrt(3 / (inputs * kernel**2))),
            )
        },
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
        {
            names["weight"]: ((channels,), uniform(0.5, 1.0)),
            names["bias"]: ((channels,), uniform(0.5)),
        },
        {
            names["running_mean"]: ((channels,), uniform(0.5)),
            names["running_var"]: ((channels,), uniform(0.5, 1.0)),
        },
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

    pool = {
        "kind": "maxPool",
        "input": "input",
        "output": "pool",
        "kernel": 3,
        "stride": 2,
        "padding": 1,
    }
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
    case(
        "global average pool, 512 channels, 7x7",
        [average],
        (512, 7, 7),
        2,
        outputGradient=uniform(UNIT * 49),
    )
    case(
        "global average pool, 5 channels, 3x1",
        [average],
        (5, 3, 1),
        3,
        outputGradient=uniform(UNIT * 3),
    )
    case(
        "global average pool, 64 channels, 8x8",
        [average],
        (64, 8, 8),
        2,
        outputGradient=uniform(UNIT * 64),
    )

    for inputs, outputs, batch in (
        (5, 3, 1),
        (64, 10, 3),
        (512, 10, 4),
        (512, 1000, 4),
        (2048, 1000, 2),
    ):
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
            f"softmax cross-entropy, {batch}x{classes}, label smoothing {smoothing}, "
            f"logits to {scale:.3g}",
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
        (
            "SGD, Nesterov and weight decay",
            {**momentum, "nesterov": True, "weightDecay": 0.01},
            0.1,
        ),
        ("AdamW", adamw, 0.01),
        (
            "AdamW, no weight decay, other betas",
            {**adamw, "beta1": 0.8, "beta2": 0.99, "weightDecay": 0.0},
            0.01,
        ),
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
