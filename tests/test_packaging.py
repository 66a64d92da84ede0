"""What a person gets from ``pip install i2i``: everything that i2i reads at run time, and nothing else."""

from __future__ import annotations

import email
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from i2i import __version__

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy so that the checkout keeps no build folder."""
    folder = tmp_path_factory.mktemp("wheel")
    left_out = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "runs")
    shutil.copytree(ROOT, folder / "source", ignore=left_out)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    built = subprocess.run(
        [*pip, "--wheel-dir", str(folder), str(folder / "source")], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: zipfile.ZipFile) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "i2i").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".so"
    }
    information = f"i2i-{__version__}.dist-info/"

    packed = {name for name in wheel.namelist() if not name.startswith(information)}

    assert packed - files == set(), "files that do not belong into the package"
    assert files - packed == set(), "files missing from [tool.setuptools.package-data] of pyproject.toml"


def test_the_wheel_holds_types_sample_data_and_the_page_template(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()

    assert "i2i/py.typed" in names
    assert any(name.startswith("i2i/engine/templates/") for name in names)
    assert sum(name.startswith("i2i/data/emoji/") and name.endswith(".webp") for name in names) == 3 * 200
    sample = sum(entry.file_size for entry in wheel.infolist() if entry.filename.startswith("i2i/data/"))
    assert sample < 1_500_000, f"the sample data take {sample} bytes of the package"


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
