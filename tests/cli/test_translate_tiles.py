"""``i2i translate --tile``."""

import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from i2i.cli.main import main
from i2i.translation.tiles import tiling

from ..helpers.images import write_noise
from ..helpers.trained import write_run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(write_run(tmp_path_factory.mktemp("tiled") / "run")[0])


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, size in {"small.png": (40, 30), "large.png": (150, 110), "middle.jpg": (60, 50)}.items():
        write_noise(tmp_path / "in" / name, size)
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    return tmp_path


def translate(*words):
    result = CliRunner().invoke(main, ["translate", *words])
    assert not (result.exception and not isinstance(result.exception, SystemExit)), result.output
    return result


def same(first, second):
    first, second = (np.asarray(Image.open(path)).astype(int) for path in (first, second))
    assert first.shape == second.shape
    assert np.abs(first - second).max() <= 1


@pytest.mark.parametrize("tile", ["32", "auto"])
def test_a_folder_is_translated_as_without_tiles(model, here, monkeypatch, tile):
    whole = translate(model, "in", "-o", "whole", "--device", "cpu")
    if tile == "auto":  # memory for the small images alone
        real = tiling.Tiling.untiled_bytes
        monkeypatch.setattr(tiling, "available_memory", lambda _: 100_000_000)
        monkeypatch.setattr(
            tiling.Tiling, "untiled_bytes", lambda self, size, count=1: 10**9 if size[0] > 100 else real(self, size)
        )
    tiled = translate(model, "in", "-o", "tiled", "--device", "cpu", "--tile", tile)
    assert whole.exit_code == tiled.exit_code == 1
    assert "broken.png" in tiled.output
    assert "3 of 4 images" in tiled.output
    for name in ("small.png", "large.png"):
        same(here / "whole" / name, here / "tiled" / name)
    assert (here / "tiled" / "middle.jpg").is_file()


def test_a_stream_too(model, here):
    translate(model, "in/large.png", "-o", "whole.png", "--device", "cpu")
    data = (here / "in" / "large.png").read_bytes()
    words = ["translate", model, "-", "-o", "tiled.png", "--device", "cpu", "--tile", "48"]
    assert CliRunner().invoke(main, words, input=data).exit_code == 0
    same(here / "whole.png", here / "tiled.png")


def test_an_estimate_is_written_when_it_is_asked_for(model, here):
    words = ("--device", "cpu", "--tile", "48", "--tile-statistics", "estimate")
    assert translate(model, "in/large.png", "-o", "out.png", *words).exit_code == 0
    with Image.open("out.png") as picture:
        assert picture.size == (150, 110)


def test_images_with_more_pixels_than_allowed_are_refused_and_can_be_allowed(model, here):
    words = (model, "in/large.png", "-o", "out.png", "--device", "cpu", "--tile", "48")
    refused = translate(*words, "--max-pixels", "10000")
    assert refused.exit_code == 1
    assert "max_pixels" in refused.output
    assert translate(*words, "--max-pixels", "16500").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [(("--tile", "3"), "at least 16"), (("--tile-memory", "1"), "add --tile"), (("--tile", "64x64"), "auto")],
)
def test_wrong_usage(model, words, message):
    result = translate(model, "in/large.png", "-o", "out.png", *words)
    assert result.exit_code == 2
    assert message in result.output
    assert not Path("out.png").exists()


@pytest.mark.timeout(60)
def test_a_pipe_with_the_name_of_an_image_is_refused_and_not_waited_for(model, here):
    os.mkfifo(here / "in" / "pipe.png")
    result = translate(model, "in", "-o", "out", "--device", "cpu", "--tile", "auto")
    assert result.exit_code == 1
    assert "pipe.png: not a regular file" in result.output
    assert "3 of 5 images" in result.output
