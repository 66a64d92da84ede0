"""Opacity goes through a network and comes back, with colours that nobody sees left out."""

import numpy as np
import pytest
from PIL import Image

import i2i
from i2i.errors import DataError
from i2i.images.opacity import premultiplied, to_picture_with_opacity, with_opacity

from ..helpers.trained import write_run

VALUES = {"range": [0, 255], "type": "uint8", "opacity": True}


@pytest.mark.parametrize("channels", [2, 4])
def test_what_is_seen_comes_back(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, channels), np.uint8)
    pixels[:3, :, -1], pixels[3:6, :, -1] = 255, 0
    unit = premultiplied(with_opacity(Image.fromarray(pixels), channels).astype(np.float32) / 255)
    back = np.asarray(to_picture_with_opacity(unit.transpose(2, 0, 1) * 2 - 1))

    np.testing.assert_array_equal(back[:3], pixels[:3])
    assert not back[3:6].any()
    np.testing.assert_array_equal(back[:, :, -1], pixels[:, :, -1])
    visible = pixels[:, :, -1] > 0
    np.testing.assert_allclose(back[visible].astype(int), pixels[visible].astype(int), atol=1)


@pytest.mark.parametrize(
    ("picture", "channels", "expected"),
    [
        (Image.new("RGB", (1, 1), (1, 2, 3)), 4, [1, 2, 3, 255]),
        (Image.new("L", (1, 1), 7), 4, [7, 7, 7, 255]),
        (Image.new("LA", (1, 1), (7, 9)), 2, [7, 9]),
        (Image.new("RGBA", (1, 1), (255, 255, 255, 9)), 2, [255, 9]),
        (Image.new("I;16", (1, 1), 0x1234), 2, [0x12, 255]),
    ],
)
def test_every_picture_has_an_opacity(picture, channels, expected):
    assert with_opacity(picture, channels).tolist() == [[expected]]


def test_one_named_grey_of_16_bits_is_transparent():
    picture = Image.fromarray(np.array([[300, 301]], np.uint16))
    picture.info["transparency"] = 300
    assert with_opacity(picture, 2).tolist() == [[[1, 0], [1, 255]]]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("opacity")
    run, _ = write_run(folder, in_channels=4, out_channels=4, more={"values": {"A": VALUES, "B": VALUES}})
    return i2i.load(run, device="cpu")


def test_files_pictures_and_arrays_go_in_and_come_out_alike(tmp_path, model):
    pixels = np.random.default_rng(1).integers(0, 256, (16, 20, 4), np.uint8)
    pixels[:8, :, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    picture = model(Image.fromarray(pixels))
    pixels[:8, :, :3] = 99  # nobody sees it
    array = model(pixels)

    assert (picture.mode, picture.size) == ("RGBA", (20, 16))
    np.testing.assert_array_equal(array, np.asarray(picture))
    np.testing.assert_array_equal(np.asarray(model(tmp_path / "a.png")), array)
    for file_format, suffix in (("png", ".png"), ("tiff", ".tif")):
        (outcome,) = i2i.translate(model, tmp_path / "a.png", tmp_path / file_format, format=file_format)
        assert outcome.problem is None
        with Image.open(tmp_path / file_format / f"a{suffix}") as written:
            assert written.mode == "RGBA"
            np.testing.assert_array_equal(np.asarray(written), array)
    with pytest.raises(
        DataError, match=r"JPEG does not hold its translation, .* \(npy, npz, png, tiff, webp\); nothing"
    ):
        i2i.translate(model, tmp_path / "a.png", tmp_path / "jpeg", format="jpeg")
