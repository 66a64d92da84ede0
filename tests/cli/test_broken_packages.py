"""A package that is there and cannot be imported is found before there is work to lose: tried in real processes.

They have imported torch already, and nothing else that they need."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ..helpers.forking import PYTORCH, run_forked

pytestmark = pytest.mark.slow  # processes of their own

IN_WORDS = {
    "torchvision": (
        "operator torchvision::nms does not exist",
        "torchvision and torch do not fit together: install",
    ),
    "matplotlib": ("numpy.core.multiarray failed to import", "-m pip install matplotlib --force-reinstall"),
    "tensorboard": ("cannot load libz.so.1", "-m pip install tensorboard --force-reinstall"),
    "onnx": ("undefined symbol: _ZN6google", "-m pip install onnx --force-reinstall"),
    "onnxruntime": ("GLIBC_2.38 not found", "-m pip install onnxruntime --force-reinstall"),
    "av": ("libavcodec.so.61: cannot open", "-m pip install av --force-reinstall"),
    "uvicorn": ("cannot import name 'x'", "-m pip install uvicorn --force-reinstall"),
    "safetensors": ("_safetensors_rust: invalid ELF header", "-m pip install safetensors --force-reinstall"),
}
"""By package: what it says when it is imported, and what i2i says to do."""


@pytest.fixture
def here(tmp_path):
    random = np.random.default_rng(0)
    for folder in ("trainA", "trainB"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for number in range(2):
            pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / folder / f"{number}.png")
    (tmp_path / "clip.mp4").touch()
    return tmp_path


def i2i(here: Path, package: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``i2i`` where a package with a broken shared library comes first on the path."""
    broken = here / "site" / package
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(f"raise RuntimeError({IN_WORDS[package][0]!r})\n")
    environment = {**os.environ, "PYTHONPATH": str(here / "site")}
    return run_forked(["-m", "i2i", *arguments], modules=PYTORCH, cwd=here, env=environment)


@pytest.mark.parametrize(
    ("package", "command"),
    [
        ("torchvision", "run --data data --device cpu --steps 1 --out run"),
        ("matplotlib", "run --data data --device cpu --steps 1 --out run"),
        ("safetensors", "run --data data --device cpu --steps 1 --out run"),
        ("tensorboard", "run --data data --device cpu --steps 1 --out run --image-size 32 --observer tensorboard"),
        ("torchvision", "evaluate sample:flat-3d --device cpu"),
        ("onnx", "export sample:flat-3d -o model.onnx"),
        ("onnxruntime", "export sample:flat-3d -o model.onnx"),
        ("av", "translate sample:flat-3d clip.mp4 -o out --device cpu"),
        ("uvicorn", "serve sample:flat-3d --device cpu --port 0"),
        ("matplotlib", "bench --plot chart.png --quick"),
    ],
)
def test_a_package_that_does_not_fit_is_named_before_anything_is_begun(here, package, command):
    if package in ("onnx", "onnxruntime", "av", "uvicorn"):
        pytest.importorskip(package)
    said, cure = IN_WORDS[package]

    result = i2i(here, package, *command.split())

    assert result.returncode == 2, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert f"cannot be imported (RuntimeError: {said})" in result.stderr
    assert cure in result.stderr
    assert sorted(path.name for path in here.iterdir()) == ["clip.mp4", "data", "site"], "nothing was begun"


def test_what_is_not_needed_may_be_broken(here):
    result = i2i(
        here, "torchvision", "translate", "sample:flat-3d", "data/trainA/0.png", "-o", "out", "--device", "cpu"
    )

    assert result.returncode == 0, result.stderr
    assert (here / "out").is_dir()
