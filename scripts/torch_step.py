#!/usr/bin/env python3
"""PyTorch's time for a step of the same network on random data, in every way that PyTorch offers.

The network is Karyon's: MobileNetV2 with batch norm folded, frozen, and the five-level decoder. Training is forward,
cross-entropy, backward and Adam on a batch that is ready on the device; fine-tuning is the same with the encoder
trained too, its batch norm in training mode; inference is the forward pass. Each variant is
set up once; then in every round each is timed in turn, after the commands given by --beside, whose line
"images/s median M best B" is read. So what is compared ran alternately, on one machine, within one process's life.
One line a variant: its name, the median over the rounds in ms and images/s, and the spread of the rounds.

Padding and cropping are symmetric where Keras pads at the end: the same arithmetic, and PyTorch is spared a copy.
"""

import argparse
import contextlib
import itertools
import re
import shlex
import statistics
import subprocess
import sys
import time

import torch
from torch import nn
from torch.nn import functional

# Expansion, channels, repeats, first stride: table 2 of the MobileNetV2 paper.
BOTTLENECKS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
SKIP_BLOCKS = (1, 3, 6, 13)
FILTERS = (512, 256, 128, 64)
CLASSES = 2


def convolution(inputs, outputs, kernel, stride=1, groups=1, bias=True, norm=False):
    """With batch norm behind it, or with the bias that a folded one leaves."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=bias and not norm)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)) if norm else conv


class Bottleneck(nn.Module):
    def __init__(self, inputs, outputs, expansion, stride, norm, last):
        super().__init__()
        hidden = inputs * expansion
        self.hidden = hidden
        self.expand = convolution(inputs, hidden, 1, norm=norm) if expansion > 1 else None
        self.depthwise = convolution(hidden, hidden, 3, stride, groups=hidden, norm=norm)
        self.project = convolution(hidden, outputs, 1, bias=not last, norm=norm and not last)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        expanded = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(functional.relu6(self.depthwise(expanded)))
        return expanded, x + y if self.residual else y


class Encoder(nn.Module):
    """Gives the skips from 1/2 to 1/16 of the size, and the last projection."""

    def __init__(self, norm):
        super().__init__()
        self.stem = convolution(3, 32, 3, 2, norm=norm)
        self.blocks = nn.ModuleList()
        channels = 32
        for expansion, outputs, repeats, first_stride in BOTTLENECKS:
            for repeat in range(repeats):
                stride = first_stride if repeat == 0 else 1
                self.blocks.append(Bottleneck(channels, outputs, expansion, stride, norm, last=outputs == 320))
                channels = outputs
        self.skip_channels = [self.blocks[i].hidden for i in SKIP_BLOCKS]
        self.channels = channels

    def forward(self, x):
        x = functional.relu6(self.stem(x))
        skips = []
        for i, block in enumerate(self.blocks):
            expanded, x = block(x)
            if i in SKIP_BLOCKS:
                skips.append(expanded)
        return skips, x


class UNet(nn.Module):
    """folded: the decoder's batch norm too is part of its convolutions, as it can be for inference. trained: the
    encoder is, and has its batch norm."""

    def __init__(self, folded, trained=False):
        super().__init__()
        self.encoder = Encoder(norm=trained)
        self.encoder.requires_grad_(trained)
        self.transposed, self.norms = nn.ModuleList(), nn.ModuleList()
        channels = self.encoder.channels
        for filters, skip in zip(FILTERS, reversed(self.encoder.skip_channels)):
            self.transposed.append(nn.ConvTranspose2d(channels, filters, 3, 2, 1, output_padding=1, bias=folded))
            self.norms.append(nn.Identity() if folded else nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01))
            channels = filters + skip
        self.head = nn.ConvTranspose2d(channels, CLASSES, 3, 2, 1, output_padding=1)

    def forward(self, x):
        skips, x = self.encoder(x)
        for transposed, norm, skip in zip(self.transposed, self.norms, reversed(skips)):
            x = torch.cat([functional.relu(norm(transposed(x))), skip], 1)
        return self.head(x)


PRECISIONS = ("fp32", "tf32", "bf16")
# How the work is launched, the dearest to set up last: "graph" is a CUDA graph of the whole step that we capture.
WAYS = ("eager", "graph", "compile", "compile+graph", "reduce-overhead", "max-autotune")
OWN_GRAPHS = ("reduce-overhead", "max-autotune")  # where torch.compile makes CUDA graphs of its parts


class Variant:
    """One way to run the step. run() does one; nothing is measured before the constructor returns."""

    def __init__(self, task, precision, way, channels_last, options):
        self.precision, self.batch = precision, options.batch
        layout = "channels_last" if channels_last else "nchw"
        self.name = f"torch {task} {precision} {way} {layout}"
        self.rounds = []
        self.use_precision()
        device = torch.device(options.device)
        memory = torch.channels_last if channels_last else torch.contiguous_format
        net = UNet(folded=task == "inference", trained=task == "finetuning").to(device, memory_format=memory)
        generator = torch.Generator().manual_seed(1)
        size = (options.batch, 3, options.size, options.size)
        x = (torch.rand(size, generator=generator) * 2 - 1).to(device).contiguous(memory_format=memory)
        if precision == "bf16":  # what is not trained need not be cast in every step
            if task != "finetuning":
                (net.encoder if task == "training" else net).bfloat16()
            x = x.bfloat16()
        y = torch.randint(CLASSES, (options.batch, *size[2:]), generator=generator).to(device)

        def autocast():
            if precision != "bf16" or task == "inference":
                return contextlib.nullcontext()
            # A graph must not capture the cache of cast weights, which outlives the step.
            return torch.autocast(device.type, torch.bfloat16, cache_enabled=not way.endswith("graph"))

        def loss(x, y):
            with autocast():
                logits = net(x)
            return functional.cross_entropy(logits.float(), y)

        def logits(x):
            with torch.no_grad():
                return net(x)

        work = logits if task == "inference" else loss
        if way.startswith("compile"):
            work = torch.compile(work)
        elif way in OWN_GRAPHS:
            work = torch.compile(work, mode=way)
        if task != "inference":
            cuda = device.type == "cuda"
            trained = [p for p in net.parameters() if p.requires_grad]
            adam = torch.optim.Adam(trained, 1e-3, eps=1e-7, fused=True, capturable=cuda)

            def step():
                if way in OWN_GRAPHS:
                    torch.compiler.cudagraph_mark_step_begin()
                adam.zero_grad(set_to_none=True)
                work(x, y).backward()
                adam.step()
        else:

            def step():
                if way in OWN_GRAPHS:
                    torch.compiler.cudagraph_mark_step_begin()
                work(x)

        self.run = captured(step) if way.endswith("graph") else step
        for _ in range(options.warm_up):
            self.run()
        synchronize(device)

    def use_precision(self):
        tf32 = self.precision != "fp32"
        torch.backends.cuda.matmul.allow_tf32 = tf32
        torch.backends.cudnn.allow_tf32 = tf32

    def measure(self, options):
        """The median over samples of the ms that a step takes; the steps of a sample are queued without a wait."""
        self.use_precision()
        device = torch.device(options.device)
        self.run()
        samples = []
        for _ in range(options.samples):
            samples.append(timed(self.run, options.steps, device) / options.steps)
        self.rounds.append(statistics.median(samples))


def captured(step):
    """The step as one CUDA graph, after it has run on another stream: so CUDA's graphs want it."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(4):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def timed(run, count, device):
    """ms for `count` runs."""
    if device.type != "cuda":
        start = time.perf_counter()
        for _ in range(count):
            run()
        return 1e3 * (time.perf_counter() - start)
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    for _ in range(count):
        run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


class Beside:
    """Another program's bench, "NAME=COMMAND"."""

    def __init__(self, text, batch):
        self.name, self.command = text.split("=", 1)
        self.batch, self.rounds = batch, []

    def measure(self, _options):
        done = subprocess.run(shlex.split(self.command), capture_output=True, text=True, check=False)
        found = re.search(r"images/s median ([0-9.]+)", done.stdout)
        if done.returncode != 0 or found is None:
            raise RuntimeError(f"{self.command}: exit {done.returncode}: {(done.stderr or done.stdout)[-500:]}")
        self.rounds.append(1e3 * self.batch / float(found.group(1)))


def wanted_variants(options):
    """Every combination, the quick ones to set up first; without a GPU there are no graphs and no TF32."""
    cuda = options.device == "cuda"
    for way, precision, channels_last in itertools.product(options.ways, options.precisions, (True, False)):
        if not cuda and (precision == "tf32" or way.endswith("graph")):
            continue
        if not channels_last and way in ("max-autotune", "compile"):
            continue  # seen slower, and the setting up is dear
        yield precision, way, channels_last


def set_up(options):
    variants, deadline = [], time.monotonic() + options.seconds
    for precision, way, channels_last in wanted_variants(options):
        name = f"{precision} {way} {'channels_last' if channels_last else 'nchw'}"
        if time.monotonic() > deadline:
            print(f"torch {options.task} {name}: not measured, no time left to set it up", flush=True)
            continue
        start = time.monotonic()
        try:
            variants.append(Variant(options.task, precision, way, channels_last, options))
        except Exception as fault:  # one way that fails must not take the others along
            print(f"torch {options.task} {name}: failed: {str(fault).strip()[:300]}", flush=True)
            continue
        print(f"set up in {time.monotonic() - start:.0f} s: {name}", file=sys.stderr, flush=True)
    return variants


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--task", default="training", choices=("training", "finetuning", "inference"))
    parser.add_argument("--batch", type=int, default=0, help="by default 256 to infer, else 32")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--precisions", nargs="+", default=PRECISIONS, choices=PRECISIONS)
    parser.add_argument("--ways", nargs="+", default=WAYS, choices=WAYS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=5, help="a variant and round")
    parser.add_argument("--steps", type=int, default=20, help="a sample")
    parser.add_argument("--warm-up", type=int, default=5, help="steps")
    parser.add_argument("--seconds", type=float, default=300, help="to set variants up; the others are left out")
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=COMMAND", help="timed in every round")
    options = parser.parse_args()
    options.batch = options.batch or (256 if options.task == "inference" else 32)
    if options.device == "cuda" and not torch.cuda.is_available():
        print("torch_step: no GPU here", file=sys.stderr)
        return 69

    torch.backends.cudnn.benchmark = True
    torch._dynamo.config.recompile_limit = 64  # each variant compiles the same functions
    where = torch.cuda.get_device_name() if options.device == "cuda" else "cpu"
    print(f"torch {torch.__version__} on {where}, batch {options.batch}, {options.size}x{options.size}", flush=True)
    entries = [Beside(text, options.batch) for text in options.beside] + set_up(options)
    status = 0
    for _ in range(options.rounds):
        for entry in list(entries):
            try:
                entry.measure(options)
            except Exception as fault:
                print(f"{entry.name}: failed: {str(fault).strip()[:500]}", flush=True)
                entries.remove(entry)
                status = 1 if isinstance(entry, Beside) else status
    print(f"{'name':<52} {'ms':>9} {'images/s':>10}   of {options.rounds} rounds: least, most ms")
    for entry in sorted(entries, key=lambda e: statistics.median(e.rounds)):
        ms = statistics.median(entry.rounds)
        rate = 1e3 * entry.batch / ms
        print(f"{entry.name:<52} {ms:>9.3f} {rate:>10.1f}   {min(entry.rounds):.3f} {max(entry.rounds):.3f}")
    return status


if __name__ == "__main__":
    sys.exit(main())
