from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from i2i.builtin.datasets import SPECS, FolderOptions

from ...helpers.fixtures import install
from ...helpers.images import READERS, write_noise

__all__ = ["build", "draw", "install"]


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    """Write an image of noise below tmp_path and return its path; the noise depends on the name alone."""

    def write(name: str, size: tuple[int, int] = (32, 32), mode: str = "RGB") -> Path:
        return write_noise(tmp_path / name, size, list(name.encode()), mode=mode)

    return write


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Any]:
    """Build the data set ``folder`` over tmp_path, at 16 pixels unless told otherwise."""

    def build_folder(*, root: str | None = None, split: str = "train", seed: int = 0, **options: Any) -> Any:
        settings = FolderOptions(**{"image_size": 16, **options})
        return SPECS[0].build(settings, root=root or str(tmp_path), split=split, seed=seed, readers=READERS)

    return build_folder
