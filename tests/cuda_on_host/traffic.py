"""Bytes of global memory that each operator asks for, counted by the emulator, against the least that is possible.

    python -m tests.cuda_on_host.traffic

writes ``benchmarks/results/cuda_traffic.json``, from which ``docs/generate.py`` makes the table in ``docs/cuda.md``.
The numbers are those of the planes of a ResNet-9 generator at 256x256 on a device whose blocks may have 163 KiB of
shared memory (A100). A few channels are counted: every plane, or group of channels, costs the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from . import building
from .on_host import RESIDENT, OnHost

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "cuda_traffic.json"
SHARED_MEMORY = 163 << 10
PLANES = ((64, 64, 1), (128, 128, 0), (256, 256, 3))
"""Height, width and padding, as they occur in the residual blocks, around them and before the last convolution."""


@dataclass(frozen=True)
class Case:
    operator: str
    dtype: torch.dtype
    channels_last: bool
    height: int
    width: int
    padding: int


def cases() -> Iterator[Case]:
    for operator in (
        "instance_norm_act",
        "instance_norm_act_backward",
        "instance_norm_add",
        "instance_norm_add_backward",
    ):
        for dtype in (torch.float32, torch.bfloat16):
            for channels_last in (False, True):
                for height, width, padding in PLANES:
                    yield Case(operator, dtype, channels_last, height, width, 0 if "add" in operator else padding)
    for operator in ("reflection_pad", "reflection_pad_backward"):
        for channels_last in (False, True):
            yield Case(operator, torch.bfloat16, channels_last, 64, 64, 1)


def measure(on_host: OnHost, case: Case) -> dict[str, Any]:
    """Launches and bytes of one case.

    Returns:
        ``resident`` whether one launch does everything; ``launches`` of each kernel the bytes ``read`` and
        ``written`` and the ``wide`` share that goes by 16 bytes; ``least`` bytes: every tensor of the call once, and
        once more what two launches first reduce and then write.
    """
    on_host.run_as(shared_memory=SHARED_MEMORY)
    order = torch.channels_last if case.channels_last else torch.contiguous_format
    channels = 32 if case.channels_last else 1
    border = 2 * case.padding

    def images(more: int = 0) -> Tensor:
        shape = (1, channels, case.height + more, case.width + more)
        return torch.randn(shape).to(case.dtype).contiguous(memory_format=order)

    x, padded, statistics = images(), images(border), (torch.zeros(1, channels), torch.ones(1, channels))
    runs: dict[str, tuple[Callable[[], object], tuple[Tensor, ...]]] = {
        "instance_norm_act": (lambda: on_host.instance_norm_act(x, pad=case.padding), (x, padded)),
        "instance_norm_act_backward": (
            lambda: on_host.instance_norm_act_backward(padded, x, None, None, *statistics, "relu", case.padding),
            (x, x, padded),
        ),
        "instance_norm_add": (lambda: on_host.instance_norm_add(x, x, pad=case.padding), (x, x, padded)),
        "instance_norm_add_backward": (
            lambda: on_host.instance_norm_add_backward(padded, x, None, *statistics, case.padding),
            (x, x, x, padded),
        ),
        "reflection_pad": (lambda: on_host.reflection_pad(x, case.padding), (x, padded)),
        "reflection_pad_backward": (lambda: on_host.reflection_pad_backward(padded, x, case.padding), (x, x, padded)),
    }
    run, tensors = runs[case.operator]
    run()
    resident = on_host.last_plan.path == RESIDENT
    if len(on_host.launches) == 2:
        tensors = (*tensors, x, padded) if "backward" in case.operator else (*tensors, x)
    launches = [
        {
            "kernel": launch.kernel.removeprefix("void ").removeprefix("i2i::cuda::").split("<")[0],
            "read": launch.read,
            "written": launch.written,
            "wide": round((launch.wide_read + launch.wide_written) / (launch.read + launch.written), 3),
        }
        for launch in on_host.launches
    ]
    return {
        "operator": case.operator,
        "dtype": str(case.dtype).removeprefix("torch."),
        "layout": "channels_last" if case.channels_last else "contiguous",
        "plane": [case.height, case.width, case.padding],
        "channels": channels,
        "resident": resident,
        "launches": launches,
        "least": sum(tensor.numel() * tensor.element_size() for tensor in tensors),
    }


def main() -> None:
    on_host = OnHost(building.build("kernels.so", [*building.KERNEL_SOURCES, "library.cpp"], building.QUICK))
    rows = [measure(on_host, case) for case in cases()]
    lines = ",\n".join(json.dumps(row) for row in rows)
    RESULTS.write_text(f"[\n{lines}\n]\n", "utf-8")


if __name__ == "__main__":
    main()
