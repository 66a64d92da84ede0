"""Written images hold the pixels, whole or not at all."""

import numpy as np
import pytest
from PIL import Image

from i2i.errors import DataError
from i2i.images.reading import decode
from i2i.images.writing import SAVE_OPTIONS

from ..helpers.images import SUFFIX_OF_FORMAT, write_picture

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)


def metadata_of(path):
    return decode(path, metadata=True).metadata


@pytest.mark.parametrize("format_name", SAVE_OPTIONS)
def test_every_format_keeps_the_pixels(tmp_path, format_name):
    path = tmp_path / "new" / f"image{SUFFIX_OF_FORMAT[format_name]}"
    write_picture(Image.fromarray(PIXELS), path, format_name=format_name)
    with Image.open(path) as image:
        assert image.format == format_name
        difference = np.abs(np.asarray(image).astype(int) - PIXELS)
    if format_name == "JPEG":
        assert difference.mean() < 5, "noise is the hardest"
    else:
        assert difference.max() == 0
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_sixteen_bits(tmp_path, format_name):
    levels = np.arange(0, 60000, 100, dtype=np.uint16).reshape(20, 30)
    path = tmp_path / f"deep{SUFFIX_OF_FORMAT[format_name]}"
    write_picture(Image.fromarray(levels), path, format_name=format_name)
    assert np.array_equal(np.asarray(decode(path).image), levels)


def test_what_is_there_stays_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "image.png"
    path.write_bytes(b"mine")
    with pytest.raises(DataError, match=r"image\.png cannot be written as PNG: a file of this name"):
        write_picture(Image.fromarray(PIXELS), path, format_name="PNG")
    assert path.read_bytes() == b"mine"
    write_picture(Image.fromarray(PIXELS), path, format_name="PNG", replace=True)
    assert decode(path).image.size == (20, 12)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), ValueError("too large"), KeyboardInterrupt()]
)
def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch, error):
    def fail(self, file, **options):
        file.write(b"half")
        raise error

    monkeypatch.setattr(Image.Image, "save", fail)
    (tmp_path / "image.png").write_bytes(b"old")
    expected = KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else DataError
    with pytest.raises(expected):
        write_picture(Image.fromarray(PIXELS), tmp_path / "image.png", format_name="PNG", replace=True)
    assert [path.name for path in tmp_path.iterdir()] == ["image.png"]
    assert (tmp_path / "image.png").read_bytes() == b"old"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file/image\.png cannot be written as PNG: (Not a directory|File exists)"):
        write_picture(Image.fromarray(PIXELS), tmp_path / "file" / "image.png", format_name="PNG")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_names_beyond_ascii_are_handed_on_byte_by_byte(tmp_path, suffix):
    names = {0x010E: "Müller, 日本".encode(), 0x013B: "José Núñez".encode(), 0x8298: "© 2024 José".encode("latin-1")}
    exif = Image.Exif()
    exif.update(names)
    source, target = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    Image.fromarray(PIXELS).save(source, exif=exif.tobytes())
    write_picture(Image.fromarray(PIXELS), target, format_name=decode(source).format, metadata=metadata_of(source))
    with Image.open(target) as image:
        assert {tag: image.getexif()[tag].encode("latin-1") for tag in names} == names


@pytest.mark.parametrize("format_name", SAVE_OPTIONS)
def test_a_disk_that_takes_a_part_alone_is_an_error(tmp_path, format_name):
    """Of a last block that does not fit, the system writes what fits, says how much that was, and calls it no error."""
    resource = pytest.importorskip("resource", reason="a limit on files is Unix's")
    target = tmp_path / f"image{SUFFIX_OF_FORMAT[format_name]}"
    write_picture(Image.fromarray(PIXELS), target, format_name=format_name)
    whole = target.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) - 10, hard))  # Python ignores the signal that goes with it
    try:
        with pytest.raises(DataError, match=rf"cannot be written as {format_name}: File too large"):
            write_picture(Image.fromarray(PIXELS), target, format_name=format_name, replace=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert target.read_bytes() == whole
    assert len(list(tmp_path.iterdir())) == 1
