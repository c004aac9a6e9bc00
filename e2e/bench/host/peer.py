"""PyTorch's side of the host benchmark: one JSON message a line in, one out; see work.ts."""

import json
import platform
import resource
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """The basic block, with torchvision's names and order of operations."""

    def __init__(self, in_channels, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or in_channels != channels:
            projection = nn.Conv2d(in_channels, channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(projection, nn.BatchNorm2d(channels))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        x += shortcut
        return self.relu(x)


class ResNet34(nn.Module):
    """Up to, not including, the unit `end`; the whole network without one."""

    def __init__(self, end):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layers = []
        channels = 64
        for layer, (count, width) in enumerate(zip([3, 4, 6, 3], [64, 128, 256, 512]), start=1):
            blocks = []
            for index in range(count):
                if end == f"layer{layer}.{index}":
                    break
                stride = 2 if layer > 1 and index == 0 else 1
                blocks.append(Block(channels, width, stride))
                channels = width
            if blocks:
                setattr(self, f"layer{layer}", nn.Sequential(*blocks))
                self.layers.append(f"layer{layer}")
            if len(blocks) < count:
                return
        if end is None:
            self.fc = nn.Linear(512, 1000)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for layer in self.layers:
            x = getattr(self, layer)(x)
        if hasattr(self, "fc"):
            x = self.fc(torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1))
        return x


class Peer:
    def __init__(self, channels_last):
        self.format = torch.channels_last if channels_last else torch.contiguous_format

    def load(self, work, state):
        started = time.perf_counter()
        dtype = torch.float64 if work["exact"] else torch.float32
        self.model = ResNet34(work["end"])
        self.model.load_state_dict(
            {
                name: torch.from_numpy(numpy.fromfile(file, "<f4").reshape(shape))
                for name, (file, shape) in state.items()
            },
            strict=False,
        )
        self.model = self.model.to(dtype).to(memory_format=self.format)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4
        )
        size, samples = work["imageSize"], work["samples"]
        pictures = numpy.fromfile(work["pictures"], "<f4").reshape(samples, 3, size, size)
        self.pictures = torch.from_numpy(pictures).to(dtype).contiguous(memory_format=self.format)
        self.labels = torch.arange(samples)
        self.is_whole = work["end"] is None
        self.gradient = None
        with torch.inference_mode():
            shape = self.model.eval()(self.pictures[:1]).shape[1:]
        self.output_shape = (samples, *shape)
        # Behind the whole network stands the loss; behind a front stage a gradient that came in.
        if not self.is_whole:
            gradient = torch.full(self.output_shape, 1e-4, dtype=dtype)
            self.gradient = gradient.contiguous(memory_format=self.format)
        return {"ms": 1000 * (time.perf_counter() - started)}

    def train(self):
        self.model.train()
        self.optimizer.zero_grad()
        started, cpu_started = time.perf_counter(), time.process_time()
        output = self.model(self.pictures)
        if self.is_whole:
            functional.cross_entropy(output, self.labels).backward()
        else:
            output.backward(self.gradient)
        computed = time.perf_counter()
        self.optimizer.step()
        ended, cpu_ended = time.perf_counter(), time.process_time()
        return {
            "ms": 1000 * (ended - started),
            "cpuMs": 1000 * (cpu_ended - cpu_started),
            "updateMs": 1000 * (ended - computed),
        }

    def infer(self):
        self.model.eval()
        with torch.inference_mode():
            started, cpu_started = time.perf_counter(), time.process_time()
            self.model(self.pictures)
            ended, cpu_ended = time.perf_counter(), time.process_time()
            return {"ms": 1000 * (ended - started), "cpuMs": 1000 * (cpu_ended - cpu_started)}

    def results(self, folder):
        """After a step: gradients, and the output with running statistics."""
        tensors = {name: value.grad for name, value in self.model.named_parameters()}
        self.model.eval()
        with torch.inference_mode():
            tensors["output"] = self.model(self.pictures)
        files = {}
        for index, (name, tensor) in enumerate(tensors.items()):
            files[name] = f"{folder}/expected-{index}"
            tensor.detach().contiguous().to(torch.float32).numpy().tofile(files[name])
        return {"files": files}


def peak_rss_mb():
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if platform.system() == "Darwin" else 2**10)


def main():
    threads, layout = int(sys.argv[1]), sys.argv[2]
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    peer = Peer(layout == "channels_last")
    print(json.dumps({"name": f"PyTorch {torch.__version__}"}), flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        kind = message["kind"]
        if kind == "load":
            reply = peer.load(message["work"], message["state"])
        elif kind == "train":
            reply = peer.train()
        elif kind == "infer":
            reply = peer.infer()
        elif kind == "results":
            reply = peer.results(message["folder"])
        else:
            reply = {"mb": peak_rss_mb()}
        print(json.dumps(reply), flush=True)


main()
