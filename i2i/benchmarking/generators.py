"""The whole ResNet-9 generator in inference, beside everything else that could run it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from i2i.benchmarking import rivals
from i2i.benchmarking.benchmarked_networks import make_generator, reason_against_fused_generator
from i2i.benchmarking.blocks import bfloat16, in_channels_last, make_images, to_channels_last
from i2i.benchmarking.case import Candidate, Deviation, Prepared, Setting, deviation, fused_or_reason
from i2i.benchmarking.work import count_flops

LIMIT, BFLOAT16_LIMIT = 1e-4, 1e-1
"""Twenty-four convolutions in a row; a fault in one of them is far beyond."""
RUNTIMES = ("ONNX Runtime", "OpenVINO", "OpenVINO bf16")


def prepare(setting: Setting, *, size: int, batch: int) -> Prepared:
    """Inference on square images of ``size`` pixels."""
    device = setting.device
    network = make_generator("reference", device)
    x = make_images((batch, 3, size, size), device).clamp(-1, 1)
    with torch.inference_mode():
        truth = copy.deepcopy(network).double()(x.double())

    def candidate(name: str, run: Callable[[], Tensor], *, half: bool = False, rival: bool = False) -> Candidate:
        def check() -> list[Deviation]:
            return [deviation("output", run(), truth, BFLOAT16_LIMIT if half else LIMIT)]

        return Candidate(name, run, check, "bf16" if half else "fp32", rival=rival)

    def of(
        network: Callable[[Tensor], Tensor],
        images: Tensor,
        surroundings: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Callable[[], Tensor]:
        def run() -> Tensor:
            with torch.inference_mode(), surroundings():
                return network(images)

        return run

    mixed = partial(bfloat16, device)

    def on_own_kernels() -> list[Candidate]:
        fused = make_generator("auto", device)
        return [candidate("fused", of(fused, x)), candidate("fused bf16", of(fused, x, mixed), half=True)]

    reason = reason_against_fused_generator(setting)
    own_kernels, missing = fused_or_reason(reason, ("fused", "fused bf16"), on_own_kernels)
    candidates = [
        candidate("eager", of(network, x)),
        *own_kernels,
        candidate("channels_last", of(in_channels_last(network), to_channels_last(x))),
        candidate("bf16 autocast", of(network, x, mixed), half=True),
    ]
    if setting.rivals:
        candidates.append(candidate("torch.compile", of(rivals.compiled(network), x), rival=True))
        calls, lacking = _runtimes(network, x, setting)
        candidates += [candidate(name, call, half=name.endswith("bf16"), rival=True) for name, call in calls.items()]
        missing.update(lacking)
    else:
        missing.update(dict.fromkeys(("torch.compile", *RUNTIMES), rivals.LEFT_OUT))
    return Prepared(candidates, missing, count_flops(of(network, x)))


def _runtimes(
    network: nn.Module, x: Tensor, setting: Setting
) -> tuple[dict[str, Callable[[], Tensor]], dict[str, str]]:
    """Open the network in the runtimes that are installed; return their calls, and why others are missing."""
    if setting.device.type != "cpu":
        return {}, dict.fromkeys(RUNTIMES, "compared on the CPU alone")
    missing = {}
    if (reason := rivals.missing_packages("onnx", "onnxscript")) is not None:
        return {}, dict.fromkeys(RUNTIMES, reason)
    makers: dict[str, Callable[..., Callable[[], Tensor]]] = {}
    if (reason := rivals.missing_packages("onnxruntime")) is None:
        makers["ONNX Runtime"] = rivals.onnxruntime_call
    else:
        missing["ONNX Runtime"] = reason
    if (reason := rivals.missing_packages("openvino")) is None:
        makers["OpenVINO"] = partial(rivals.openvino_call, precision="f32")
        if (reason := rivals.openvino_lacks_bfloat16()) is None:
            makers["OpenVINO bf16"] = partial(rivals.openvino_call, precision="bf16")
        else:
            missing["OpenVINO bf16"] = reason
    else:
        missing.update(dict.fromkeys(("OpenVINO", "OpenVINO bf16"), reason))
    try:
        with rivals.onnx_file(network, x) as path:
            opened = {name: _open(make, path, x, setting.threads) for name, make in makers.items()}
    except Exception as error:  # of the exporter
        return {}, {**missing, **dict.fromkeys(makers, f"cannot be written as ONNX: {rivals.in_one_line(error)}")}
    missing.update({name: each for name, each in opened.items() if isinstance(each, str)})
    return {name: each for name, each in opened.items() if not isinstance(each, str)}, missing


def _open(make: Callable[..., Callable[[], Tensor]], path: Path, x: Tensor, threads: int) -> Callable[[], Tensor] | str:
    """Open the file in one runtime; whatever goes wrong in it is returned as a reason, so that the others stay."""
    try:
        return make(path, x, threads)
    except Exception as error:
        return rivals.in_one_line(error)
