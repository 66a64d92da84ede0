"""A picture is turned upright as its EXIF says."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from i2i.images.reading import (
    to_array,
)

from ..helpers.images import read_image


def values(path, **options):
    """The image in [0, 1], as [C, H, W]."""
    options = {"channels": 3, **options}
    array = to_array(read_image(path, **options), options["channels"])
    assert array.dtype == np.float32
    assert array.min() >= -1
    assert array.max() <= 1
    return array / 2 + 0.5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_exif_orientation_is_honoured(tmp_path, orientation, suffix):
    upright = np.zeros((16, 32), np.uint8)
    upright[:8, :8] = 255  # top left
    turned = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"photo{suffix}"
    Image.fromarray(np.ascontiguousarray(turned)).convert("RGB").save(path, exif=exif)
    np.testing.assert_allclose(values(path, channels=1)[0], upright / 255, atol=0.1)
