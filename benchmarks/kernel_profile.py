"""Where the time of the fused kernels goes, and what of it cannot be saved: ``python benchmarks/kernel_profile.py``.

Samples a residual block's inference and training with Linux's perf (Debian: ``apt install linux-perf``), sums the
samples by what the functions do, and sets them beside the floor: the Winograd products alone, at the best speed that
PyTorch reaches on the same threads in a matrix product or a convolution. For the whole generator, PyTorch's profiler
gives the time of each operator. Writes ``benchmarks/results/kernel_profile.json``, which ``docs/generate.py`` puts into
``docs/kernels.md``. Let nothing else run meanwhile.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from i2i.benchmarking import machine
from i2i.benchmarking.benchmarked_networks import make_generator
from i2i.benchmarking.blocks import fused_block, make_blocks, make_images, to_channels_last
from i2i.benchmarking.work import block_winograd_flops

RESULT = Path(__file__).parent / "results" / "kernel_profile.json"
SHAPES = {"64x64": (1, 256, 64, 64), "128x128": (1, 256, 128, 128)}
SECONDS = 8
"""That a case is sampled for."""
PARTS = {  # pattern of a function's name: what it does, in the order of looking
    r"::product<|add_outer_products": "products",
    r"transform_input|transform_output|add_input_gradient": "transforms of tiles",
    r"pack_filters|finish_filter_gradient|fingerprint": "filters: packing, their gradient, recognising them",
    r"planes_to_pixels|pixels_to_planes|to_pixels": "memory order",
    r"i2i::cpu": "norms, sums, the pass that adds",
}
WAITING = "waiting for the other thread"
REST = "PyTorch, Python and the system"


def block_case(shape: tuple[int, int, int, int], *, training: bool) -> Callable[[], object]:
    """One call of a residual block on channels_last images, as the generator makes it."""
    (block,) = make_blocks(1, shape[1], torch.device("cpu"))
    x = to_channels_last(make_images(shape, torch.device("cpu")))
    if not training:

        def infer() -> object:
            with torch.inference_mode():
                return fused_block(block, x)

        return infer
    grad = torch.randn_like(x)
    inputs = [x.requires_grad_(), *(convolution.weight for convolution in block.convolutions)]
    return lambda: torch.autograd.grad(fused_block(block, x), inputs, grad)


def child(name: str, training: str) -> None:
    """Work for a while, and then tell the median milliseconds of a call."""
    call = block_case(SHAPES[name], training=training == "training")
    for _ in range(10):
        call()
    print("ready", flush=True)
    samples, begin = [], time.perf_counter()
    while (now := time.perf_counter()) < begin + SECONDS + 1:
        call()
        samples.append(time.perf_counter() - now)
    print(statistics.median(samples) * 1e3, flush=True)


def profile_block(name: str, kind: str, peak: float) -> dict[str, Any]:
    """Sample a block in a process of its own and sum the samples by what they belong to."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "perf.data"
        worker = subprocess.Popen(
            [sys.executable, __file__, "--child", name, kind],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        record = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-p", str(worker.pid), "-o", str(data)]
        subprocess.run([*record, "--", "sleep", str(SECONDS)], check=True, capture_output=True)
        milliseconds = float(worker.stdout.readline())
        worker.wait()
        command = ["perf", "report", "-i", str(data), "--no-children", "--stdio", "-F", "overhead,dso,sym", "-t", "|"]
        listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    shares: dict[str, float] = defaultdict(float)
    for line in listing.splitlines():
        if line.startswith("#") or line.count("|") < 2:
            continue
        share, library, symbol = line.split("|", 2)
        shares[part_of(library, symbol)] += float(share.strip().rstrip("%")) / 100
    total = sum(shares.values())
    floor = block_winograd_flops(SHAPES[name], training=kind == "training") / peak * 1e3
    return {
        "case": f"residual block, {kind}, 1x256x{name}",
        "milliseconds": round(milliseconds, 2),
        "floor_milliseconds": round(floor, 2),
        "parts": {part: round(share / total * milliseconds, 2) for part, share in sorted(shares.items(), key=by_share)},
    }


def by_share(item: tuple[str, float]) -> float:
    """Largest first."""
    return -item[1]


def part_of(library: str, symbol: str) -> str:
    """What a function does, by the library it lies in and its name."""
    if "libi2i" in library:
        return next((part for pattern, part in PARTS.items() if re.search(pattern, symbol)), REST)
    return WAITING if "gomp" in library else REST


def profile_generator() -> dict[str, Any]:
    """The operators of a ResNet-9 generator's inference, by PyTorch's profiler."""
    network, x = make_generator("auto", torch.device("cpu")), make_images((1, 3, 256, 256), torch.device("cpu"))
    calls, samples = 20, []
    with torch.inference_mode():
        for _ in range(5):
            network(x)
        for _ in range(calls):
            begin = time.perf_counter()
            network(x)
            samples.append(time.perf_counter() - begin)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
            for _ in range(calls):
                network(x)
    found = {row.key: row.self_cpu_time_total / calls / 1e3 for row in profiler.key_averages()}
    parts: dict[str, float] = defaultdict(float)
    for name, milliseconds in found.items():
        known = name if name.startswith("i2i::") or "conv" in name or milliseconds >= 0.5 else "everything else"
        parts[known] += milliseconds
    return {
        "case": "ResNet-9 generator, inference, 1x3x256x256",
        "milliseconds": round(statistics.median(samples) * 1e3, 2),
        "parts": {name: round(value, 2) for name, value in sorted(parts.items(), key=by_share) if value >= 0.05},
    }


def measure_peak() -> float:
    """Floating-point operations a second of a large matrix product or a direct convolution, whichever is faster."""
    side = 1536
    left, right = torch.rand((2, side, side))
    features, filters = torch.rand(1, 256, 66, 66), torch.rand(256, 256, 3, 3)
    work = {
        2 * side**3: lambda: torch.matmul(left, right),
        2 * 9 * 256 * 256 * 64 * 64: lambda: torch.conv2d(features, filters),
    }
    best = 0.0
    for flops, call in work.items():
        for _ in range(40):
            begin = time.perf_counter()
            call()
            best = max(best, flops / (time.perf_counter() - begin))
    return best


def main() -> None:
    """Measure everything and write."""
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
        return
    peak = measure_peak()
    cases = [profile_block(name, kind, peak) for kind in ("inference", "training") for name in SHAPES]
    result = {
        "device": machine.describe_device(torch.device("cpu")),
        "software": machine.describe_software(),
        "kernels": machine.describe_kernels(torch.device("cpu"))["variant"],
        "threads": torch.get_num_threads(),
        "peak_gigaflops": round(peak / 1e9, 1),
        "cases": [*cases, profile_generator()],
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
