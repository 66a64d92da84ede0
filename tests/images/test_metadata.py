"""What is kept beside a picture, and what is said where it cannot be."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from i2i.images import metadata as metadata_module
from i2i.images.metadata import Metadata, take_metadata
from i2i.images.reading import decode
from i2i.images.writing import SAVE_OPTIONS

from ..helpers.images import SUFFIX_OF_FORMAT, write_picture

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def photo(path, **more):
    """A picture with everything a camera writes."""
    exif = Image.Exif()
    exif.update({0x010F: "Maker", 0x0112: 6, 0x0132: "2026:01:31 12:00:00", 0x8298: "Somebody"})
    exif.get_ifd(0x8769).update({0x829A: 0.01, 0x9003: "2026:01:31 12:00:00", 0xA002: 20, 0xA003: 12})
    exif.get_ifd(0x8769)[0x927C] = b"secret offsets"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0)})
    Image.fromarray(PIXELS).save(path, exif=exif.tobytes(), icc_profile=PROFILE, dpi=(300, 300), **more)
    return path


def metadata_of(path):
    return decode(path, metadata=True).metadata


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_exif_profile_and_resolution_go_along_but_not_what_is_no_longer_true(tmp_path, suffix):
    metadata = metadata_of(photo(tmp_path / f"in{suffix}"))
    target = tmp_path / f"out{suffix}"
    write_picture(
        Image.fromarray(PIXELS), target, format_name=decode(tmp_path / f"in{suffix}").format, metadata=metadata
    )
    with Image.open(target) as image:
        image.load()
        exif, info = image.getexif(), image.info
        assert (exif[0x010F], exif[0x0132], exif[0x8298]) == ("Maker", "2026:01:31 12:00:00", "Somebody")
        assert exif.get(0x0112, 1) == 1, "the pixels are upright already"
        details = exif.get_ifd(0x8769)
        assert details[0x9003] == "2026:01:31 12:00:00"
        assert not details.keys() & {0x927C, 0xA002, 0xA003}
        assert exif.get_ifd(0x8825)[1] == "N"
        assert info["icc_profile"] == PROFILE
        if suffix != ".webp":  # which holds no resolution outside of EXIF
            assert info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_a_profile_for_other_colours_is_left_out():
    metadata = Metadata(icc_profile=PROFILE)
    assert metadata.save_options("RGB", "PNG")["icc_profile"] == PROFILE
    assert "icc_profile" not in metadata.save_options("L", "PNG")
    assert Metadata().save_options("L", "PNG") == {}


def test_exif_that_is_about_the_old_pixels_is_left_out(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    about_pixels = {0x9101: b"\1\2\3\0", 0x9102: 4.0, 0xA001: 0xFFFF, 0xA301: b"\1", 0xA420: "0123", 0xA500: 2.2}
    where = {0x9214: (10, 4), 0xA214: (10, 4), 0xA20E: 3000.0, 0xA20F: 2000.0}
    exif.get_ifd(0x8769).update({0x9003: "2026:01:31 12:00:00", **about_pixels, **where})
    for orientation in (1, 6):
        exif[0x0112] = orientation
        Image.fromarray(PIXELS).save(tmp_path / "in.jpg", exif=exif.tobytes(), dpi=(300, 150))
        metadata = metadata_of(tmp_path / "in.jpg")
        kept = Image.Exif()
        kept.load(metadata.exif)
        assert kept.get_ifd(0x8769)[0x9003] == "2026:01:31 12:00:00"
        assert not kept.get_ifd(0x8769).keys() & about_pixels.keys()
        assert bool(kept.get_ifd(0x8769).keys() & where.keys()) == (orientation == 1)
        assert metadata.dpi == ((300, 150) if orientation == 1 else (150, 300))
        assert metadata.notes == ("its colour space (EXIF: other than sRGB) was left out",)


@pytest.mark.parametrize("space", ["GRAY", "CMYK", "Lab "])
@pytest.mark.parametrize("format_name", SAVE_OPTIONS)
def test_a_profile_that_is_left_out_is_noted(tmp_path, space, format_name):
    metadata = Metadata(icc_profile=PROFILE[:16] + space.encode() + PROFILE[20:], exif=b"")
    write_picture(Image.fromarray(PIXELS), tmp_path / "out", format_name=format_name, metadata=metadata)
    with Image.open(tmp_path / "out") as image:
        assert "icc_profile" not in image.info
    (note,) = metadata.losses("RGB", format_name)
    name = {"GRAY": "grey", "CMYK": "CMYK"}.get(space, "other colours")
    assert note == f"its colour profile was left out, for it is for {name}, and the result is RGB"


def test_a_profile_that_pillow_would_not_read_again_is_not_written_into_png(tmp_path):
    metadata = Metadata(icc_profile=PROFILE + bytes(2**20))
    for format_name in ("PNG", "TIFF"):
        path = tmp_path / f"out{SUFFIX_OF_FORMAT[format_name]}"
        write_picture(Image.fromarray(PIXELS), path, format_name=format_name, metadata=metadata)
        assert bool(metadata_of(path).icc_profile) == (format_name == "TIFF")
    assert "in a PNG most programs read up to a megabyte" in next(metadata.losses("RGB", "PNG"))


def test_what_bmp_cannot_hold_is_noted(tmp_path):
    metadata = metadata_of(photo(tmp_path / "in.jpg"))
    assert list(metadata.losses("RGB", "BMP")) == [
        "its colour profile was left out, for BMP holds none",
        "its EXIF data were left out, for BMP holds none",
    ]


@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "JPEG", "BMP"])
def test_very_fine_resolutions_are_kept_or_noted(tmp_path, format_name):
    metadata = Metadata(dpi=(100_000, 100_000))
    path = tmp_path / f"out{SUFFIX_OF_FORMAT[format_name]}"
    write_picture(Image.fromarray(PIXELS), path, format_name=format_name, metadata=metadata)
    kept = metadata_of(path).dpi
    told = list(metadata.losses("RGB", format_name))
    if format_name == "JPEG":
        assert told == ["its resolution was left out, for JPEG does not hold one so fine"]
    else:
        assert kept == pytest.approx((100_000, 100_000), rel=1e-3)
        assert told == []


def test_damaged_exif_is_left_out_with_a_note(tmp_path, monkeypatch):
    path = photo(tmp_path / "in.jpg")
    monkeypatch.setattr(metadata_module, "_exif", lambda *arguments: 1 / 0)  # Pillow's parser raises many types
    metadata = metadata_of(path)
    assert metadata.exif_damaged
    assert metadata.exif == b""


@pytest.mark.parametrize("dpi", [None, (0, 0), (float("nan"), 1), ("a", "b"), 300])
def test_nonsense_resolutions_are_left_out(dpi):
    image = Image.fromarray(PIXELS)
    image.info["dpi"] = dpi
    assert take_metadata(image).dpi is None
