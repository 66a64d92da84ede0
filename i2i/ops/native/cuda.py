"""Loading the library of the CUDA kernels, once a process: compiled at first use for the cards that are here.

It stands apart from the CPU's, because it needs nvcc and a torch with CUDA, and is made for the cards of one machine.
The operators' signatures are the CPU library's, which is loaded first. ``I2I_BUILD`` means what it means there.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from i2i.errors import NativeError
from i2i.ops.native import cpu, toolchain
from i2i.ops.native.cache import KernelBuild, Recipe, keep_compiled
from i2i.ops.native.toolchain import BuildError

_lock = threading.Lock()


@dataclass(frozen=True)
class CudaKernels:
    """Where the CUDA kernels come from.

    Attributes:
        library: the file that was loaded, or None.
        reason: in one line why none was, or None.
    """

    library: Path | None = None
    reason: str | None = None

    def __str__(self) -> str:
        return f"none: {self.reason}" if self.library is None else f"compiled at first use: {self.library}"


def load() -> CudaKernels:
    """Load the CUDA kernels if that can be done, at the first call; later calls give the same answer at once.

    Raises:
        ConfigError: see :func:`i2i.ops.native.cpu.load`.
        NativeError: ``I2I_BUILD=required``, PyTorch finds a CUDA device, and the kernels cannot be had.
    """
    with _lock:
        return _load()


@cache
def _load() -> CudaKernels:
    if (reason := _reason_against_loading()) is not None:
        return CudaKernels(reason=reason)
    required = toolchain.mode() == "required"
    try:
        library = _compiled(again=required)
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except (OSError, RuntimeError) as error:  # of the dynamic linker, of the registration
            raise BuildError(f"{library} cannot be loaded: {error}") from error
    except BuildError as error:
        if required:
            output = "\n".join(["", *error.output.splitlines()[-cpu.SHOWN_LINES :]]) if error.output else ""
            raise NativeError(f"I2I_BUILD=required, but the CUDA kernels cannot be had: {error}{output}") from error
        return CudaKernels(reason=str(error))
    return CudaKernels(library)


def _reason_against_loading() -> str | None:
    if cpu.load().origin == "reference":
        return "the native library, which has the operators' signatures, is not loaded"
    if torch.version.cuda is None:
        return "this PyTorch is built without CUDA"
    if not torch.cuda.is_available():
        return "PyTorch finds no CUDA device"
    return None


def _compiled(*, again: bool) -> Path:
    """The library in the user's cache, compiled now if it is not there. With ``again``, failures are tried again."""
    folder, torch_folder = toolchain.sources(), Path(torch.__file__).parent
    architectures = _architectures()

    def prepare() -> KernelBuild:
        tools, nvcc = toolchain.find_tools(), toolchain.find_nvcc()
        version = toolchain.cuda_version(nvcc)
        if version.partition(".")[0] != str(torch.version.cuda).partition(".")[0]:
            raise BuildError(
                f"{nvcc} is of CUDA {version}, this PyTorch of CUDA {torch.version.cuda}: install a toolkit of the "
                "same major version, and set CUDA_HOME to it"
            )
        return KernelBuild(
            str(nvcc),
            toolchain.configuration(tools, torch.__version__, f"{nvcc} {version}"),
            lambda work: toolchain.build_cuda_library(folder, work, tools, torch_folder, nvcc, architectures),
        )

    parts = [toolchain.sources_hash(folder, cuda=True), f"torch{torch.__version__}", toolchain.machine()]
    name = "-".join([*parts, "sm", *architectures])
    return keep_compiled(Recipe("the CUDA kernels", toolchain.CUDA_LIBRARY, name, "cuda", prepare), folder, again=again)


def _architectures() -> list[str]:
    """Those of the cards that are here, such as ``["80", "90"]``."""
    found = {torch.cuda.get_device_capability(index) for index in range(torch.cuda.device_count())}
    return [f"{major}{minor}" for major, minor in sorted(found)]
