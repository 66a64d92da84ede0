"""The native library itself: its variants can be forced, it says what it is, and its shared code runs anywhere."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
import torch

from i2i.errors import ConfigError
from i2i.ops import residual_block
from i2i.ops.native import cpu, toolchain
from i2i.ops.native.cpu import CpuKernels

from ...helpers.forking import PYTORCH, run_forked


@pytest.fixture(scope="module")
def kernels() -> CpuKernels:
    """The library that this process uses; skips where there is none, which ``I2I_BUILD=required`` makes an error."""
    kernels = cpu.load()
    if kernels.library is None:
        pytest.skip("; ".join(kernels.reasons.values()))
    return kernels


def load_elsewhere(variant: str) -> subprocess.CompletedProcess[str]:
    program = "from i2i.ops.native import cpu; print(cpu.load().variant)"
    return run_forked(["-c", program], modules=PYTORCH, env={**os.environ, "I2I_CPU": variant})


def test_the_library_says_what_it_was_built_from_and_with(kernels: CpuKernels) -> None:
    assert (
        kernels.facts["i2i-sources"]
        == toolchain.sources_hash(toolchain.sources())
        == toolchain.hash_in(kernels.library)
    )
    assert re.match(r"(GNU|Clang|AppleClang) \d+", kernels.facts["compiler"])
    assert "-O3" in kernels.facts["flags"]
    assert "-march" not in kernels.facts["flags"]


def test_the_fastest_supported_variant_is_the_default(kernels: CpuKernels) -> None:
    supported = kernels.facts["supported"].split()

    assert supported[-1] == "portable"
    assert kernels.variant == os.environ.get("I2I_CPU", supported[0])
    assert set(supported) <= set(kernels.facts["compiled"].split()) <= {"avx512", "avx2", "portable"}


@pytest.mark.parametrize("variant", ["avx512", "avx2", "portable"])
def test_each_variant_can_be_forced(kernels: CpuKernels, variant: str) -> None:
    done = load_elsewhere(variant)

    if variant in kernels.facts["supported"].split():
        assert done.stdout == f"{variant}\n", done.stderr
    else:
        assert f"I2I_CPU must be one of {', '.join(kernels.facts['supported'].split())} on this machine" in done.stderr


def test_an_unknown_variant_is_refused_with_those_there_are(kernels: CpuKernels) -> None:
    done = load_elsewhere("sse9")

    assert done.returncode == 1
    expected = f"I2I_CPU must be one of {', '.join(kernels.facts['supported'].split())} on this machine; got 'sse9'"
    assert expected in done.stderr.splitlines()[-1]


def test_a_variant_is_used_for_a_while(kernels: CpuKernels) -> None:
    """The portable variant rounds between multiplication and addition, the others do not: which tells it apart."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 64, 24, 24, generator=generator)
    weights = torch.randn(2, 64, 64, 3, 3, generator=generator) * 0.05
    arguments = (x, weights[0], None, weights[1], None)
    usual = residual_block(*arguments, impl="fused")

    results = {}
    for name in kernels.facts["supported"].split():
        with cpu.using_variant(name):
            results[name] = residual_block(*arguments, impl="fused")

    assert torch.equal(results[kernels.variant], usual)
    assert torch.equal(residual_block(*arguments, impl="fused"), usual)
    for result in results.values():
        torch.testing.assert_close(result, usual, rtol=0, atol=1e-3)
    assert torch.equal(results["portable"], usual) == (kernels.variant == "portable")


def test_a_variant_that_is_not_there_is_refused(kernels: CpuKernels) -> None:
    with pytest.raises(ConfigError, match="got 'sse9'"), cpu.using_variant("sse9"):
        pass


def test_two_plain_functions_of_ours_are_visible(kernels: CpuKernels) -> None:
    if shutil.which("nm") is None:
        pytest.skip("there is no nm")
    command = ["nm", "-DC", "--defined-only", str(kernels.library)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)

    names = [line.split()[-1] for line in listed.stdout.splitlines() if "i2i" in line]
    assert names == ["i2i_facts", "i2i_use_variant"]


def test_code_outside_the_variants_uses_no_instruction_of_theirs(kernels: CpuKernels) -> None:
    """A function of a shared header, compiled for AVX in one file, could be the one that all files are linked to."""
    if shutil.which("objdump") is None or "avx2" not in kernels.facts["compiled"]:
        pytest.skip("there is no objdump, or no variant with instructions of its own")
    shown = subprocess.run(
        ["objdump", "-dC", "--no-show-raw-insn", str(kernels.library)], capture_output=True, text=True, check=True
    ).stdout

    encoded: set[str] = set()
    name = ""
    for line in shown.splitlines():
        if line.endswith(">:"):
            name = line
        elif re.match(r"\s+[0-9a-f]+:\tv", line):  # what AVX brought begins with a v
            encoded.add(name)

    assert any("i2i::cpu::avx512::" in name for name in encoded)
    assert [name for name in encoded if not re.search(r"i2i::cpu::avx(2|512)\b", name)] == []


def test_the_module_for_people_who_look_agrees_with_the_library(kernels: CpuKernels) -> None:
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        pytest.skip("Python's headers are missing, so there is no i2i._C")
    if kernels.origin != "installed":
        pytest.skip("i2i._C is built together with the installed library, and the one in use is another")
    module = importlib.import_module("i2i._C")

    facts = dict(line.split(": ", 1) for line in module.facts().splitlines())
    assert facts == kernels.facts
    assert module.compiled_variants() == facts["compiled"].split()
    assert module.supported_variants() == facts["supported"].split()
    for name in module.supported_variants():
        kernels = module.variant(name)
        assert (kernels.name, kernels.vector_floats) == (name, {"avx512": 16, "avx2": 8, "portable": 4}[name])
    with pytest.raises(RuntimeError, match="got 'sse9'"):
        module.variant("sse9")
