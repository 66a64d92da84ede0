"""Other people's ways to run the same network: torch.compile, ONNX Runtime and OpenVINO."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from i2i.environment.packages import problem_of
from i2i.environment.quiet import exporting_quietly

LEFT_OUT = "left out by --quick: it needs long to get ready"
OPSET = 18
"""Of ONNX: has every operator of the generators."""


def compiled(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return what torch.compile makes of a module or a function; it compiles at the first call."""
    result: Callable[..., Tensor] = torch.compile(function, dynamic=False)
    return result


def missing_packages(*names: str) -> str | None:
    """Say in one line what cannot be imported, why and what to do, or return None."""
    problems = [problem_of(name) for name in names]
    return "; ".join(filter(None, problems)) or None


@contextmanager
def onnx_file(network: nn.Module, images: Tensor) -> Iterator[Path]:
    """Write a network as ONNX for inputs of this one shape; the file lives as long as the context."""
    with tempfile.TemporaryDirectory(prefix="i2i-bench-") as folder:
        path = Path(folder, "network.onnx")
        with torch.no_grad(), exporting_quietly():
            program: Any = torch.onnx.export(network, (images,), dynamo=True, opset_version=OPSET, verbose=False)
        program.save(path, external_data=False)
        yield path


def onnxruntime_call(path: Path, images: Tensor, threads: int) -> Callable[[], Tensor]:
    """Open an ONNX file in ONNX Runtime on the CPU and return a call that runs it on ``images``."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Its threads would keep spinning for a while after a call, into the next candidate's time.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: images.numpy()}

    def call() -> Tensor:
        return torch.from_numpy(session.run(None, feed)[0])

    return call


def openvino_call(path: Path, images: Tensor, threads: int, precision: str) -> Callable[[], Tensor]:
    """Open an ONNX file in OpenVINO on the CPU and return a call that runs it on ``images``.

    Args:
        path: the file.
        images: the input, float32.
        threads: threads to compute with.
        precision: ``"f32"`` or ``"bf16"``, what it computes in.
    """
    import openvino

    core = openvino.Core()
    request = core.compile_model(
        core.read_model(path),
        "CPU",
        {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        },
    ).create_infer_request()
    feed = images.numpy()

    def call() -> Tensor:
        return torch.from_numpy(request.infer({0: feed}, share_inputs=True, share_outputs=True)[0])

    return call


def openvino_lacks_bfloat16() -> str | None:
    """Say in one line why OpenVINO does not compute in bfloat16 on this processor, or return None."""
    import openvino

    known = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return None if "BF16" in known else "OpenVINO knows no bfloat16 instructions on this processor"


def in_one_line(error: BaseException) -> str:
    """Return an error's kind and the first line of its message."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")
    return f"{type(error).__name__}: {first}"
