"""An array is a picture where its values are those of one."""

import numpy as np
import pytest

from i2i.images.contents import as_picture
from i2i.images.unusable import UnusableImageError
from i2i.plugins.image_formats import ReadImage

from ..helpers.images import noise


@pytest.mark.parametrize(
    ("channels", "kind", "mode"),
    [(1, "uint8", "L"), (2, "uint8", "LA"), (3, "uint8", "RGB"), (4, "uint8", "RGBA"), (1, "uint16", "I;16")],
)
def test_arrays_that_are_pictures(channels, kind, mode):
    pixels = noise(12, 20, channels, levels=65536 if kind == "uint16" else 256)
    picture = as_picture(ReadImage(pixels))
    assert picture.mode == mode
    np.testing.assert_array_equal(np.asarray(picture).reshape(pixels.shape), pixels)


@pytest.mark.parametrize(("channels", "kind"), [(5, "uint8"), (3, "uint16"), (1, "float32")])
def test_arrays_that_are_none(channels, kind):
    with pytest.raises(UnusableImageError, match=f"it has {channels} channels? of {kind}, which is no picture"):
        as_picture(ReadImage(np.zeros((2, 2, channels), kind)))
