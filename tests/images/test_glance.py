"""What is known of a picture without decoding it: the same as decoding shows, or nothing."""

from __future__ import annotations

import pytest
from PIL import Image

from i2i.images.decoding import decode
from i2i.images.glance import glance

from ..helpers.images import write_noise

LYING = Image.Exif()
LYING[0x0112] = 6


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "1"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_glance_shows_what_decoding_shows(tmp_path, mode, suffix):
    if suffix == ".jpg" and mode in ("RGBA", "LA", "P"):
        pytest.skip("JPEG has no such pictures")
    for name, options in (("upright", {}), ("lying", {"exif": LYING})):
        path = write_noise(tmp_path / (name + suffix), (30, 20), mode=mode, **options)

        found, image = glance(path), decode(path).image

        assert found is not None
        assert found.size == image.size == ((30, 20) if name == "upright" else (20, 30))
        assert found.grey == (image.mode in ("1", "L", "LA"))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_file_that_ends_too_early_is_left_to_decoding(tmp_path, suffix):
    path = write_noise(tmp_path / f"cut{suffix}", (64, 64))
    path.write_bytes(path.read_bytes()[:-30])

    assert glance(path) is None


def test_what_is_in_doubt_is_left_to_decoding(tmp_path):
    grey = tmp_path / "sixteen.png"
    Image.new("I;16", (4, 4)).save(grey)
    text = tmp_path / "text.png"
    text.write_text("no image")
    misnamed = write_noise(tmp_path / "a.png").rename(tmp_path / "a.jpg")
    flipped = write_noise(tmp_path / "flipped.png", (64, 64))
    content = bytearray(flipped.read_bytes())
    content[len(content) // 2] ^= 0xFF
    flipped.write_bytes(content)
    moving = tmp_path / "moving.webp"
    write_noise(moving).unlink()
    pages = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    pages[0].save(moving, save_all=True, append_images=pages[1:])

    for path in (
        grey,
        text,
        misnamed,
        flipped,
        moving,
        write_noise(tmp_path / "a.bmp"),
        write_noise(tmp_path / "a.tif"),
    ):
        assert glance(path) is None, path


def test_a_png_whose_exif_stands_behind_its_pixels_is_left_to_decoding(tmp_path):
    path = write_noise(tmp_path / "a.png", (30, 20), exif=LYING)
    content = path.read_bytes()
    begin = content.index(b"eXIf") - 4
    end = begin + 12 + int.from_bytes(content[begin : begin + 4], "big")
    tail = content.index(b"IEND") - 4
    path.write_bytes(content[:begin] + content[end:tail] + content[begin:end] + content[tail:])

    assert glance(path) is None
    assert decode(path).image.size == (20, 30)
