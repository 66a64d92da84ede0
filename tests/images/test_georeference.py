"""Where on earth a picture lies goes along while it is true."""

from __future__ import annotations

import numpy as np
import tifffile
from PIL import Image

from i2i.images.reading import decode

from ..helpers.images import write_picture
from .tiffs import bands, write

PLACE = [
    (33550, "d", 3, (10.0, 10.0, 0.0), True),
    (33922, "d", 6, (0.0, 0.0, 0.0, 500000.0, 5600000.0, 0.0), True),
    (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 1), True),
    (34737, "s", 0, "WGS 84|", True),
]


def test_the_place_on_earth_goes_along_in_tiff(tmp_path):
    nodata = (42113, "s", 0, "0", True)
    path = write(tmp_path / "geo.tif", bands(3), planar=True, extratags=[*PLACE, nodata], software="Orfeo")
    metadata = decode(path, metadata=True).metadata
    for mode in ("L", "RGB", "I;16"):
        write_picture(
            Image.new(mode, (45, 37)), tmp_path / "out.tif", format_name="TIFF", metadata=metadata, replace=True
        )
        with tifffile.TiffFile(tmp_path / "out.tif") as file:
            tags = file.pages[0].tags
            for tag, _, _, value, _ in PLACE:
                assert tags[tag].value == value
            assert 42113 not in tags
            assert tags[305].value == "Orfeo"
            assert file.asarray().shape[:2] == (37, 45)
    assert list(metadata.losses("RGB", "TIFF")) == [
        "the value that marks missing pixels (nodata 0) was left out; they were translated like any"
    ]
    assert "its place on earth was left out, for TIFF alone holds it" in list(metadata.losses("RGB", "PNG"))[-1]


def test_the_place_on_earth_of_a_turned_picture_is_left_out(tmp_path):
    path = write(tmp_path / "geo.tif", bands(3, np.uint8), extratags=[*PLACE, (274, "H", 1, 3, True)])
    metadata = decode(path, metadata=True).metadata
    assert metadata.georeference is None
    assert metadata.notes == ("its place on earth was left out, for it was turned upright",)
