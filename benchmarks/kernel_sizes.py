"""Whether fused kernels are ever slower than what they replace: ``python benchmarks/kernel_sizes.py``.

Times every operator that has a choice by size beside PyTorch's own operators, in turns, over many shapes, both memory
orders, without and with gradients, wherever ``impl="auto"`` takes the kernels. Writes
``benchmarks/results/kernel_sizes.json``, which ``docs/generate.py`` puts into ``docs/kernels.md``. Takes some minutes,
in which nothing else may run.
"""

from __future__ import annotations

import itertools
import json
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from i2i.benchmarking import machine
from i2i.benchmarking.timer import Timer
from i2i.ops import instance_norm_act, instance_norm_add, reason_against_fused, residual_block

RESULT = Path(__file__).parent / "results" / "kernel_sizes.json"
CHANNELS = (3, 8, 16, 32, 64, 128, 256, 512)
SIDES = (2, 3, 4, 7, 8, 16, 31, 32, 64, 128, 256)
BATCHES = (1, 4)
MOST_VALUES = {"residual_block": 1 << 20, "instance_norm_act": 1 << 22, "instance_norm_add": 1 << 22}
MOST_CHANNELS_OF_BLOCK = 256
ROUNDS = 7

Shape = tuple[int, int, int, int]


def shapes(operator: str) -> Iterator[Shape]:
    """Shapes ``[N, C, H, W]`` that this operator meets in networks, from tiny ones on."""
    for batch, channels, side in itertools.product(BATCHES, CHANNELS, SIDES):
        if batch * channels * side**2 <= MOST_VALUES[operator] and (
            operator != "residual_block" or 8 <= channels <= MOST_CHANNELS_OF_BLOCK
        ):
            yield batch, channels, side, side


def make_call(operator: str, x: Tensor, impl: Any, *, training: bool) -> Callable[[], object]:
    """One call, with gradients of everything that has one if ``training``."""
    channels = x.shape[1]
    weights = [torch.randn(channels, channels, 3, 3) * 0.02 for _ in range(2)] if operator == "residual_block" else []
    inputs = [tensor.requires_grad_(training) for tensor in (x.clone(memory_format=torch.preserve_format), *weights)]

    def forward() -> Tensor:
        if operator == "residual_block":
            return residual_block(inputs[0], inputs[1], None, inputs[2], None, impl=impl)
        if operator == "instance_norm_act":
            return instance_norm_act(inputs[0], pad=1, impl=impl)
        return instance_norm_add(inputs[0], x, impl=impl)

    def infer() -> object:
        with torch.inference_mode():
            return forward()

    if not training:
        return infer
    grad = torch.randn_like(forward())
    return lambda: torch.autograd.grad(forward(), inputs, grad)


def main() -> None:
    """Measure all of them, tell the slowest, write."""
    timer = Timer(seconds=1.0, rounds=ROUNDS)
    rows = []
    for operator, training, channels_last in itertools.product(MOST_VALUES, (False, True), (False, True)):
        for shape in shapes(operator):
            x = torch.randn(shape)
            if channels_last:
                x = x.contiguous(memory_format=torch.channels_last)
            if reason_against_fused(operator, x, training=training) is not None:
                continue
            calls = {impl: make_call(operator, x, impl, training=training) for impl in ("reference", "fused")}
            samples = timer.measure(calls)
            ratio = statistics.median(samples["reference"]) / statistics.median(samples["fused"])
            rows.append([operator, training, channels_last, list(shape), round(ratio, 2)])
        own = [row for row in rows if row[:3] == [operator, training, channels_last]]
        slowest = min(own, key=lambda row: row[-1])
        print(
            f"{operator}, training {training}, channels_last {channels_last}: {len(own)} shapes, slowest {slowest[3:]}"
        )
    result = {
        "device": machine.describe_device(torch.device("cpu")),
        "software": machine.describe_software(),
        "kernels": machine.describe_kernels(torch.device("cpu"))["variant"],
        "threads": torch.get_num_threads(),
        "columns": ["operator", "training", "channels_last", "shape", "times as fast as the reference"],
        "rows": [],
    }
    lines = ",\n    ".join(json.dumps(row) for row in rows)  # a row a line
    text = json.dumps(result, indent=2).replace('"rows": []', f'"rows": [\n    {lines}\n  ]')
    RESULT.write_text(text + "\n", encoding="utf-8")
    print(f"wrote {RESULT}")


if __name__ == "__main__":
    main()
