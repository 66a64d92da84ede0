"""What the compiled kernels need of a device, and the instructions that they are made of; no GPU is needed.

Compiling for six architectures takes about a minute on two cores, the first time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from . import cubins, occupancy
from .cubins import ARCHITECTURES, Kernel

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MAX_REGISTERS_OF_NORMS = 64
MAX_REGISTERS_OF_CONVOLUTION = 128
MAX_STATIC_SHARED_BYTES = 8 << 10
REDUCTION_BYTES = 1 << 10
"""kReductionBytes of plan.h: what a kernel with dynamic shared memory may need beside it."""
DOUBLE = r"D(ADD|MUL|FMA|SETP|MNMX|MMA)\b|MUFU\.\w*64\w*|(F2F|I2F|F2I|FRND)\.(\w+\.)*[FSU]?64"
WIDE_LOAD, WIDE_STORE = r"LDG?\.(\w+\.)*128", r"STG?\.(\w+\.)*128"
CONVERSIONS_OF_INTEGERS = r"(I2F|F2I)\.(\w+\.)*[SU]64"


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    reason = cubins.why_missing()
    if reason is not None:
        pytest.skip(reason)
    cubins.compile_all()


@pytest.fixture(scope="module")
def calculator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return occupancy.build(tmp_path_factory.mktemp("occupancy"))


def of_norms(architecture: int) -> list[Kernel]:
    """The kernels of the norms and of the block's other passes: all but the convolution."""
    found = [kernel for kernel in cubins.kernels(architecture) if kernel.stem != "reflect_convolution"]
    assert {"forward_resident", "backward_resident", "channels_last_apply"} <= {kernel.stem for kernel in found}
    return found


def of_convolution(architecture: int) -> list[Kernel]:
    found = [kernel for kernel in cubins.kernels(architecture) if kernel.stem == "reflect_convolution"]
    assert len(found) == 8  # types x normalised or not x widths
    return found


def threads_of(kernel: Kernel) -> int:
    """The largest block that is launched of a kernel."""
    return 1024 if kernel.stem.endswith("resident") else 256


def on_wide_path(kernel: Kernel) -> bool:
    """Whether the kernel is the one for addresses that allow 16 bytes at a time."""
    if kernel.stem in ("backward_parameters", "combine_tile_moments"):
        return False  # a value or two for each plane
    of_one_channel = kernel.stem.count("channels_last") + kernel.stem.count("convolution") and ", 1" in kernel.name
    return not of_one_channel


def describe(kernels: list[Kernel], value: Callable[[Kernel], object]) -> str:
    return "\n".join(f"sm_{kernel.architecture} {kernel.name}: {value(kernel)}" for kernel in kernels)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nothing_is_spilled_and_nothing_lies_in_local_memory(architecture: int) -> None:
    kernels = cubins.kernels(architecture)
    wrong = [kernel for kernel in kernels if kernel.spilled_bytes or kernel.local_bytes]
    assert not wrong, describe(wrong, lambda kernel: f"{kernel.local_bytes} bytes, {kernel.spilled_bytes} spilled")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_registers_and_shared_memory_are_within_bounds(architecture: int) -> None:
    def too_much(kernel: Kernel, registers: int) -> bool:
        has_dynamic = kernel.stem.endswith("resident") or kernel.stem == "reflect_convolution"
        most_shared = REDUCTION_BYTES if has_dynamic else MAX_STATIC_SHARED_BYTES
        return (
            kernel.registers > registers
            or kernel.registers * threads_of(kernel) > 65536
            or kernel.own_shared_bytes > most_shared
        )

    wrong = [kernel for kernel in of_norms(architecture) if too_much(kernel, MAX_REGISTERS_OF_NORMS)]
    wrong += [kernel for kernel in of_convolution(architecture) if too_much(kernel, MAX_REGISTERS_OF_CONVOLUTION)]
    assert not wrong, describe(wrong, lambda kernel: f"{kernel.registers} registers, {kernel.own_shared_bytes} bytes")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_norms_keep_half_of_a_multiprocessor_busy(architecture: int, calculator: Path) -> None:
    kinds = {"forward_resident": ("forward",), "backward_resident": ("backward",)}
    blocks = [
        (kernel, kind) for kernel in of_norms(architecture) for kind in kinds.get(kernel.stem, ("64", "128", "256"))
    ]
    reached = zip(blocks, occupancy.of(calculator, blocks), strict=True)
    wrong = [f"sm_{architecture} {kernel.name}: {least}" for (kernel, _), least in reached if least.share < 0.5]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_16_bytes_are_loaded_and_stored_at_once(architecture: int) -> None:
    writes_numbers_alone = ("forward_statistics", "channels_last_statistics", "backward_sums")
    kernels = [kernel for kernel in cubins.kernels(architecture) if on_wide_path(kernel)]
    wrong = []
    for kernel in kernels:
        stores = kernel.stem not in (*writes_numbers_alone, "channels_last_backward_sums")
        if not kernel.count(WIDE_LOAD) or (stores and not kernel.count(WIDE_STORE)):
            wrong.append(kernel)
    assert not wrong, describe(wrong, lambda kernel: sorted(name for name in kernel.instructions if name[:2] in "LDST"))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nothing_is_computed_in_float64(architecture: int) -> None:
    kernels = cubins.kernels(architecture)
    wrong = [kernel for kernel in kernels if kernel.count(DOUBLE) > kernel.count(CONVERSIONS_OF_INTEGERS)]
    assert not wrong, describe(wrong, lambda kernel: sorted(kernel.instructions))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_convolution_runs_on_tensor_cores(architecture: int) -> None:
    for kernel in of_convolution(architecture):
        if architecture < 80 and "__nv_bfloat16" in kernel.name:
            assert kernel.count("HMMA") == 0  # refused before it is launched
            continue
        depth = "16816" if architecture >= 80 else "1688"
        products = kernel.count(rf"HMMA\.{depth}\.F32")
        assert products == (72 if architecture >= 80 else 144), sorted(kernel.instructions)


def test_float64_and_spills_would_be_found() -> None:
    for name in ("DADD", "DFMA.RN", "MUFU.RCP64H", "F2F.F64.F32", "F2F.F32.F64", "DSETP.MAX.AND"):
        assert kernel_with(name).count(DOUBLE) == 1
    for name in ("FADD", "F2F.F16.F32", "F2FP.BF16.F32.PACK_AB", "I2F.U32.RP", "DEPBAR.LE", "LDG.E.64"):
        assert kernel_with(name).count(DOUBLE) == 0
    assert kernel_with("LDG.E.128.CONSTANT").count(WIDE_LOAD) == 1
    assert kernel_with("LDS.128").count(WIDE_LOAD) == kernel_with("STS.128").count(WIDE_STORE) == 0


def kernel_with(instruction: str) -> Kernel:
    return Kernel("kernel", 80, 32, 0, 0, 0, {instruction: 1})
