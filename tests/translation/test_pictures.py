"""A picture and its frame: the same from a file and from a stream."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import i2i
from i2i.images import decoding
from i2i.images.reading import TooManyPixelsError, UnusableImageError
from i2i.translation.pictures import read_frame

from ..helpers.images import READERS
from ..helpers.trained import write_run


@pytest.fixture(scope="module")
def translators(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    grey, _ = write_run(folder / "grey", in_channels=1, out_channels=1)
    return {"grey": i2i.load(grey, device="cpu"), "colour": i2i.load(write_run(folder / "colour")[0], device="cpu")}


def sixteen_bits(path: Path) -> Path:
    levels = np.random.default_rng(0).integers(0, 65536, (16, 20), dtype=np.uint16)
    Image.fromarray(levels).save(path)
    return path


@pytest.mark.parametrize(
    ("kind", "format_name", "deep"), [("grey", None, True), ("grey", "JPEG", False), ("colour", None, False)]
)
def test_sixteen_bits_are_kept_where_network_and_format_can(tmp_path, translators, kind, format_name, deep):
    path, info = sixteen_bits(tmp_path / "a.png"), translators[kind].info
    opaque, frame = read_frame(path, info, READERS, format_name)
    assert (frame.format_name, frame.deep) == (format_name or "PNG", deep)
    assert (opaque.mode, opaque.size) == ("F", (20, 16))
    streamed, same = read_frame(io.BytesIO(path.read_bytes()), info, READERS, format_name)
    assert np.array_equal(np.asarray(streamed), np.asarray(opaque))
    assert same == frame


def test_the_limit_of_pixels_is_the_models_unless_another_is_given(tmp_path, translators):
    path = sixteen_bits(tmp_path / "a.png")
    with pytest.raises(TooManyPixelsError):
        read_frame(path, translators["grey"].info, READERS, None, max_pixels=319)
    read_frame(path, translators["grey"].info, READERS, None, max_pixels=320)


def test_too_little_memory_is_a_reason_like_others(tmp_path, translators, monkeypatch):
    def full(*_, **__):
        raise MemoryError

    path = sixteen_bits(tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "load", full)
    monkeypatch.setattr(decoding.Image.Image, "load", full)
    with pytest.raises(UnusableImageError, match="not enough memory"):
        read_frame(path, translators["grey"].info, READERS, None)
