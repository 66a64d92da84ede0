"""Directories and tags of TIFF are read within bounds, whatever they claim."""

from __future__ import annotations

import struct

import numpy as np
import tifffile
from PIL import Image

from i2i.images.reading import decode
from i2i.images.tiff_header import MOST_PAGES, read_header

from .tiffs import bands, patch, pixels, reason, write


def test_levels_of_a_pyramid_are_no_frames(tmp_path):
    samples = bands(3, np.uint8, (64, 64))
    with tifffile.TiffWriter(tmp_path / "chain.tif") as file:
        file.write(samples, photometric="rgb", metadata=None)
        for step in (2, 4):
            file.write(samples[::step, ::step], photometric="rgb", subfiletype=1, metadata=None)
    with tifffile.TiffWriter(tmp_path / "below.tif") as file:
        file.write(samples, photometric="rgb", subifds=1, metadata=None)
        file.write(samples[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    with tifffile.TiffWriter(tmp_path / "preview first.tif") as file:
        file.write(samples[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)
        file.write(samples, photometric="rgb", metadata=None)
    for name in ("chain", "below", "preview first"):
        np.testing.assert_array_equal(pixels(tmp_path / f"{name}.tif"), samples)


def test_several_pictures_are_refused_with_their_number(tmp_path):
    for count, told in ((2, "2 frames or pages"), (MOST_PAGES - 1, f"{MOST_PAGES - 1} frames or pages")):
        path = tmp_path / "pages.tif"
        tifffile.imwrite(path, np.zeros((count, 4, 4), np.uint8), photometric="minisblack")
        assert reason(path) == f"{told}; save each as a file of its own"
    fax = [Image.new("1", (8, 8))] * 2
    for page in fax:
        page.encoderinfo = {"tiffinfo": {254: 2}}  # "a single page of a document"
    fax[0].save(tmp_path / "fax.tif", save_all=True, append_images=fax[1:], tiffinfo={254: 2})
    assert reason(tmp_path / "fax.tif").startswith("2 frames or pages")


def chain(path, count, *, loop=False):
    """A TIFF of ``count`` pages that share one pixel, each of a directory alone."""

    def directory(following):
        tags = ((256, 1), (257, 1), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 1), (279, 1))
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
        return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)

    size = len(directory(0))
    begins = [16 + size * place for place in range(count)]
    following = [*begins[1:], begins[0] if loop else 0]
    path.write_bytes(struct.pack("<2sHI8s", b"II", 42, 16, b"\x80" * 8) + b"".join(map(directory, following)))
    return path


class CountingFile:
    """Counts what is read of a file."""

    def __init__(self, file):
        self.file, self.bytes = file, 0

    def seek(self, *place):
        return self.file.seek(*place)

    def read(self, count=-1):
        data = self.file.read(count)
        self.bytes += len(data)
        return data


def test_many_pages_are_counted_in_one_bounded_pass(tmp_path):
    path = chain(tmp_path / "many.tif", 50_000)
    assert reason(path) == f"more than {MOST_PAGES} frames or pages; save each as a file of its own"
    with path.open("rb") as file:
        counting = CountingFile(file)
        assert len(read_header(counting).pages) == MOST_PAGES
    assert counting.bytes < 200 * MOST_PAGES


def test_a_chain_that_returns_to_itself_ends_there(tmp_path):
    assert pixels(chain(tmp_path / "loop.tif", 1, loop=True)).item() == 0x80
    assert reason(chain(tmp_path / "loop.tif", 3, loop=True)).startswith("3 frames or pages")


def test_a_chain_that_leaves_the_file_is_damage(tmp_path):
    path = chain(tmp_path / "cut.tif", 3)
    path.write_bytes(path.read_bytes()[:-20])
    assert reason(path) == "corrupt or truncated (the directory of page 3 does not lie in the file)"
    path.write_bytes(path.read_bytes()[:6])
    assert reason(path) == "corrupt or truncated (the file ends within its header)"


def test_tags_that_are_not_needed_may_be_damaged(tmp_path):
    samples = bands(3, np.uint8)
    path = write(tmp_path / "image.tif", samples, description="x" * 99, software="y" * 99)
    patch(path, 270, 2**31)
    decoded = decode(path, metadata=True)
    np.testing.assert_array_equal(np.asarray(decoded.image), samples)
    assert decoded.metadata.notes == ("some of what it says beside its pixels is damaged and was left out",)
    planar = write(tmp_path / "planar.tif", bands(3), planar=True, description="x" * 99)
    patch(planar, 270, 2**31)
    assert decode(planar).image.mode == "RGB"


def test_tags_of_more_bytes_than_the_file_are_not_read(tmp_path):
    samples = bands(1, np.uint8)
    path = write(tmp_path / "image.tif", samples, photometric="minisblack", description="x" * 99, software="y" * 99)
    for tag in (270, 305):  # each says that it is all of the file
        patch(path, tag, 0, kind=(2, path.stat().st_size))
    with path.open("rb") as file:
        header = read_header(file)
        outside = header.outside(header.pages[0])
        assert 305 in outside
        assert 270 not in outside
    np.testing.assert_array_equal(pixels(path), samples[:, :, 0])


def test_tags_that_are_needed_must_lie_in_the_file(tmp_path):
    path = write(tmp_path / "image.tif", bands(1, np.uint8), photometric="minisblack", rowsperstrip=1)
    patch(path, 273, 2**31)
    assert reason(path) == "corrupt or truncated (the values of tag 273 do not lie in the file)"
    path = write(tmp_path / "cut.tif", bands(3), planar=True)
    path.write_bytes(path.read_bytes()[:-100])
    assert reason(path) == "corrupt or truncated (its pixels do not all lie in the file)"
