"""Bands say what they are before they are decoded."""

import numpy as np
import pytest
import tifffile

from i2i.images import tiff
from i2i.images.tiff_bands import examine_bands
from i2i.images.tiff_header import TiffError, read_header


def examined(path):
    with path.open("rb") as file:
        return examine_bands(read_header(file), file)


def test_the_header_gives_size_channels_and_type(tmp_path):
    options = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 7, 5), "float16"), **options)
    found = examined(tmp_path / "a.tif")
    assert (found.size, found.channels, found.type, found.orientation) == ((7, 4), 5, "float16", 1)


def test_a_compression_that_takes_another_package_says_which(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff, "find_spec", lambda name: None)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 7), "float32"), metadata=None)
    content = path.read_bytes()
    at = content.index((259).to_bytes(2, "little"))
    path.write_bytes(content[: at + 8] + (5).to_bytes(2, "little") + content[at + 10 :])
    with pytest.raises(TiffError, match=r"^LZW in a TIFF of this kind \(.*\) takes the extra tiff: .*i2i\[tiff\]"):
        examined(path)
