"""Loading the native library, once a process: the installed one, or one compiled at first use, or none.

What comes first in that order and is not taken leaves one line that says why. ``I2I_BUILD=required`` makes it an error
to end up without the library, ``I2I_BUILD=off`` leaves it alone.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from i2i.errors import ConfigError, NativeError
from i2i.ops.native import toolchain
from i2i.ops.native.cache import KernelBuild, Recipe, keep_compiled
from i2i.ops.native.toolchain import BuildError

SHOWN_LINES = 40
"""Lines of a failed build's output that an error shows."""

_lock = threading.Lock()


@dataclass(frozen=True)
class CpuKernels:
    """Where the operators' kernels come from.

    Attributes:
        origin: ``installed`` (built by the installation), ``cache`` (compiled at first use) or ``reference`` (no native
            library; PyTorch's own operators).
        library: the file that was loaded, or None.
        variant: the CPU kernels in use: ``avx512``, ``avx2``, ``portable``, or None without a library.
        reasons: for each origin that comes before this one, in one line why it was not taken.
        facts: what the library says about itself (``csrc/facts.h``).
    """

    origin: Literal["installed", "cache", "reference"]
    library: Path | None = None
    variant: str | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.origin == "reference":
            return "none: every operation runs on PyTorch's own operators"
        origin = "built by the installation" if self.origin == "installed" else "compiled at first use"
        return f"{self.variant} ({origin}: {self.library})"


def load() -> CpuKernels:
    """Load the native library if that can be done, at the first call; later calls give the same answer at once.

    At first use the library may be compiled, which takes up to a minute and is announced on standard error.

    Raises:
        ConfigError: ``I2I_BUILD`` or ``I2I_CPU`` has an unknown value.
        NativeError: ``I2I_BUILD=required``, and the library cannot be had; the message holds the compiler's output.
    """
    with _lock:
        return _load()


@cache
def _load() -> CpuKernels:
    try:
        mode = toolchain.mode()
    except BuildError as error:
        raise ConfigError(str(error)) from error
    if mode == "off":
        return CpuKernels("reference", reasons=dict.fromkeys(("installed", "cache"), "I2I_BUILD=off"))
    reasons: dict[str, str] = {}
    try:
        return _take("installed", _installed(), reasons)
    except BuildError as error:
        reasons["installed"] = str(error)
    try:
        return _take("cache", _compiled(again=mode == "required"), reasons)
    except BuildError as error:
        reasons["cache"] = str(error)
        output = error.output
    if mode == "required":
        told = "; ".join(f"{origin}: {reason}" for origin, reason in reasons.items())
        tail = "\n".join(["", *output.splitlines()[-SHOWN_LINES:]]) if output else ""
        raise NativeError(f"I2I_BUILD=required, but the native kernels cannot be had ({told}){tail}")
    return CpuKernels("reference", reasons=reasons)


def _take(origin: Literal["installed", "cache"], library: Path, reasons: dict[str, str]) -> CpuKernels:
    try:
        loaded = ctypes.CDLL(str(library))  # registers the operators
    except OSError as error:  # of the dynamic linker
        raise BuildError(f"{library} cannot be loaded: {error}") from error
    facts = _facts(loaded)
    if "problem" in facts:
        raise ConfigError(facts["problem"])
    return CpuKernels(origin, library, facts["variant"], reasons, facts)


@contextmanager
def using_variant(name: str) -> Iterator[None]:
    """Use another variant of the CPU kernels, in all threads, until the block ends.

    For measurements and tests, which compare variants in one process; ``I2I_CPU`` is for everything else.

    Args:
        name: ``avx512``, ``avx2`` or ``portable``.

    Raises:
        ConfigError: there is no native library, or this processor cannot run the variant.
    """
    kernels = load()
    if kernels.library is None or kernels.variant is None:
        raise ConfigError(f"no variant {name!r} can be used: the native library is not loaded; i2i doctor says why")
    use = ctypes.CDLL(str(kernels.library)).i2i_use_variant  # loaded already: the same one again
    use.restype, use.argtypes = ctypes.c_char_p, [ctypes.c_char_p]
    problem = use(name.encode())
    if problem is not None:
        raise ConfigError(problem.decode())
    try:
        yield
    finally:
        use(kernels.variant.encode())


def _facts(loaded: ctypes.CDLL) -> dict[str, str]:
    loaded.i2i_facts.restype = ctypes.c_char_p
    lines = loaded.i2i_facts().decode().splitlines()
    return {key: value for key, separator, value in (line.partition(": ") for line in lines) if separator}


def _installed() -> Path:
    """The library that the installation made, if it was made from the sources that are here now."""
    library = toolchain.PACKAGE / toolchain.LIBRARY
    if not library.is_file():
        raise BuildError("the installation built none")
    built_from, expected = toolchain.hash_in(library), toolchain.sources_hash(toolchain.sources())
    if built_from != expected:
        raise BuildError(f"{library} was built from other sources ({built_from}) than those here ({expected})")
    return library


def _compiled(*, again: bool) -> Path:
    """The library in the user's cache, compiled now if it is not there. With ``again``, failures are tried again."""
    folder, torch_folder = toolchain.sources(), Path(torch.__file__).parent

    def prepare() -> KernelBuild:
        tools = toolchain.find_tools()
        return KernelBuild(
            tools.compiler,
            toolchain.configuration(tools, torch.__version__),
            lambda work: toolchain.build_library(folder, work, tools, torch_folder),
        )

    name = f"{toolchain.sources_hash(folder)}-torch{torch.__version__}-{toolchain.machine()}"
    return keep_compiled(Recipe("the native kernels", toolchain.LIBRARY, name, "native", prepare), folder, again=again)
