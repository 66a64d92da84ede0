"""What a person gets from ``pip install i2i``: everything that i2i reads at run time, and nothing else."""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from i2i import __version__
from i2i.ops.native import toolchain

from .helpers import remembering_compiler

ROOT = Path(__file__).parent.parent
QUICKLY = {
    "CMAKE_ARGS": "-DCMAKE_BUILD_TYPE=Debug",
    "CXX": remembering_compiler.as_command(os.environ.get("CXX") or "g++"),
}
"""Five times as quick to compile, and each source once; what comes out is the same library, but slow."""
COMPILER = pytest.mark.skipif(
    shutil.which("g++") is None and os.environ.get("I2I_BUILD") != "required", reason="there is no C++ compiler"
)


def build_wheel(folder: Path, **environment: str) -> zipfile.ZipFile:
    """Build the wheel from a copy in ``folder``, so that the checkout keeps no build folder."""
    left_out = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "*.so", "build", "dist", "runs")
    shutil.copytree(ROOT, folder / "source", ignore=left_out)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    built = subprocess.run(
        [*pip, "--wheel-dir", str(folder), str(folder / "source")],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as it comes out where there is no compiler."""
    return build_wheel(tmp_path_factory.mktemp("wheel"), I2I_BUILD="off")


def test_the_wheel_holds_every_file_of_the_package_the_native_sources_and_no_other(wheel: zipfile.ZipFile) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "i2i").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".so"
    }
    sources = {f"i2i/_native_sources/{path.as_posix()}" for path in toolchain.source_files(ROOT)}
    information = f"i2i-{__version__}.dist-info/"

    packed = {name for name in wheel.namelist() if not name.startswith(information)}

    assert packed - files - sources == set(), "files that do not belong into the package"
    assert files - packed == set(), "files missing from [tool.setuptools.package-data] of pyproject.toml"
    assert sources - packed == set(), "native sources without which nothing can be compiled at first use"


def test_every_source_that_cmake_names_is_shipped_or_a_test(wheel: zipfile.ZipFile) -> None:
    named = set(re.findall(r"csrc/[\w/.]+\.(?:cpp|cu)", (ROOT / "CMakeLists.txt").read_text()))
    shipped = {name.removeprefix("i2i/_native_sources/") for name in wheel.namelist()}

    assert "csrc/schemas.cpp" in named
    assert {name for name in named - shipped if not name.startswith("csrc/tests/")} == set()


LOAD = """
import sys
from pathlib import Path
import i2i
from i2i.ops.native import cpu
kernels = cpu.load()
import torch
torch.ops.i2i.residual_block
assert Path(i2i.__file__).is_relative_to(sys.argv[1]), i2i.__file__
print(kernels.origin, kernels.library, sep="\\n")
"""


def loaded_from(folder: Path, cache: Path) -> list[str]:
    """The origin and the library of a process that finds i2i in ``folder`` and has an empty cache."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(folder)],
        env={**os.environ, **QUICKLY, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(cache)},
        cwd=cache.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@COMPILER
@pytest.mark.slow
def test_a_wheel_from_where_there_is_no_compiler_compiles_at_first_use(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")

    origin, library = loaded_from(tmp_path / "site", tmp_path / "cache")

    assert origin == "cache"
    assert Path(library).is_relative_to(tmp_path / "cache")


@COMPILER
@pytest.mark.slow
def test_a_wheel_from_where_there_is_a_compiler_brings_the_library(tmp_path: Path) -> None:
    (tmp_path / "wheel").mkdir()
    wheel = build_wheel(tmp_path / "wheel", I2I_BUILD="required", **QUICKLY)
    wheel.extractall(tmp_path / "site")

    assert f"i2i/{toolchain.LIBRARY}" in wheel.namelist()
    if Path(sysconfig.get_path("include"), "Python.h").is_file():
        assert f"i2i/{toolchain.MODULE}" in wheel.namelist()
    assert loaded_from(tmp_path / "site", tmp_path / "cache") == [
        "installed",
        str(tmp_path / "site" / "i2i" / toolchain.LIBRARY),
    ]


@pytest.mark.slow
def test_a_compiler_that_fails_ends_the_installation_only_when_kernels_are_required(tmp_path: Path) -> None:
    broken = tmp_path / "compiler"
    broken.write_text("#!/bin/sh\necho 'fatal error: no such machine' >&2\nexit 1\n")
    broken.chmod(0o755)

    def build(mode: str) -> subprocess.CompletedProcess[str]:
        """The step of an installation that compiles, alone."""
        folders = ["--build-lib", str(tmp_path / "package"), "--build-temp", str(tmp_path / "temporary")]
        return subprocess.run(
            [sys.executable, "setup.py", "build_ext", *folders],
            cwd=ROOT,
            env={**os.environ, "I2I_BUILD": mode, "CXX": str(broken)},
            capture_output=True,
            text=True,
            check=False,
        )

    auto, required = build("auto"), build("required")

    assert auto.returncode == 0, auto.stderr
    assert "fatal error: no such machine" in auto.stdout + auto.stderr
    assert required.returncode != 0
    assert re.search(r"I2I_BUILD=required, but the build with .* failed", required.stderr)
    assert not list(tmp_path.rglob(toolchain.LIBRARY))


def test_the_wheel_holds_types_sample_data_and_the_page_template(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()

    assert "i2i/py.typed" in names
    assert any(name.startswith("i2i/training/records/templates/") for name in names)
    assert "i2i/data/pages/theme.css" in names
    assert sum(name.startswith("i2i/data/emoji/") and name.endswith(".webp") for name in names) == 3 * 200
    for folder, limit in (("emoji", 1_500_000), ("translators", 5_000_000)):
        prefix = f"i2i/data/{folder}/"
        size = sum(entry.file_size for entry in wheel.infolist() if entry.filename.startswith(prefix))
        assert 0 < size < limit, f"{prefix} takes {size} bytes of the package"


def test_the_wheel_carries_its_licences_and_its_command(wheel: zipfile.ZipFile) -> None:
    information = f"i2i-{__version__}.dist-info"
    metadata = email.message_from_bytes(wheel.read(f"{information}/METADATA"))

    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    for licence in ("LICENSE", "i2i/data/emoji/LICENSE"):
        assert wheel.read(f"{information}/licenses/{licence}") == (ROOT / licence).read_bytes()
    assert "i2i/data/emoji/LICENSE" in wheel.namelist()
    assert b"i2i = i2i.cli.main:main" in wheel.read(f"{information}/entry_points.txt")


@pytest.mark.parametrize("command", [[sys.executable, "-m", "i2i"], [str(Path(sys.executable).with_name("i2i"))]])
def test_the_module_and_the_command_are_the_same_program(command: list[str]) -> None:
    shown = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=True)
    helped = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60, check=True)

    assert __version__ in shown.stdout
    assert helped.stdout.startswith(("Usage: i2i ", "Usage: python -m i2i "))
