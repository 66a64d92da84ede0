from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from i2i.data_checks.picture_facts import PictureFacts, Place, look_at
from i2i.plugins.dataset_members import ListedPicture

from ..helpers.images import READERS, write_images


@pytest.fixture
def draw() -> Callable[..., Image.Image]:
    """A picture of soft blots, which the seed alone decides."""

    def blots(seed: int, side: int = 64) -> Image.Image:
        levels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        return Image.fromarray(levels).resize((side, side), Image.Resampling.BICUBIC)

    return blots


@pytest.fixture
def facts(tmp_path: Path) -> Callable[..., PictureFacts]:
    """What is found in a picture, once it is written as a file."""

    def look(image: Image.Image, name: str, *, split: Any = "train", domain: Any = "A", **options: Any) -> PictureFacts:
        path = tmp_path / name
        image.save(path, **options)
        place = Place(split, domain, ListedPicture(path.stem, path))
        return look_at(place, READERS, 10**9).facts

    return look


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Pairs in both splits, of which one held-out image is a training image, mirrored."""
    root = write_images(tmp_path / "photos", train=(6, 6), test=(3, 3), size=48)
    for domain in "AB":
        with Image.open(root / f"train{domain}" / "2.png") as image:
            ImageOps.mirror(image.resize((12, 12)).resize((48, 48))).save(root / f"test{domain}" / "0.png")
            image.resize((12, 12)).resize((48, 48)).save(root / f"train{domain}" / "2.png")
    return root
