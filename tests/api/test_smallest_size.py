"""A generator that takes no small images translates them all the same: from a run, in tiles, and as exported files."""

import json

import numpy as np
import pytest
import torch

import i2i
from i2i.tensors.padding import crop, pad

from ..helpers.halving import PACKAGE, PLUGIN, SMALLEST
from ..helpers.images import noise, write_images
from ..helpers.running import UNPAIRED, run_here
from ..helpers.trained import write_run

pytestmark = pytest.mark.usefixtures("no_page")

SIZES = ((1, 1), (20, 30), (65, 30))


@pytest.fixture
def network(install):
    install(PACKAGE, PLUGIN)
    torch.manual_seed(0)
    return i2i.create("generator", "halving", in_channels=3, out_channels=3).eval()


@pytest.fixture
def run(network, tmp_path):
    return write_run(tmp_path / "run", networks={"AtoB": (network, {})}, name="halving")[0]


def described(folder):
    return json.loads((folder / "checkpoint.json").read_text("utf-8"))["generators"]


def test_a_run_and_what_is_converted_from_it_say_the_size(network, tmp_path):
    data = write_images(tmp_path / "images", train=(1, 1), test=(1, 1), size=SMALLEST)
    settings = {key: value for key, value in UNPAIRED.items() if not key.startswith("generator.")}
    more = {"generator.name": "halving", "training.steps": 1}
    run_here(data, tmp_path / "run", settings=settings, more=more)
    assert {entry["smallest_size"] for entry in described(tmp_path / "run/checkpoints/latest").values()} == {SMALLEST}

    i2i.convert(tmp_path / "run", tmp_path / "small", half=True)
    assert {entry["smallest_size"] for entry in described(tmp_path / "small").values()} == {SMALLEST}
    translator = i2i.load(tmp_path / "small", device="cpu")
    assert translator.info.smallest_size == SMALLEST
    assert translator(noise(20, 30)).shape == (20, 30, 3)


def test_what_a_checkpoint_says_holds_also_where_the_generator_now_takes_less(tmp_path):
    run, _ = write_run(tmp_path / "run")
    file = run / "checkpoints/latest/checkpoint.json"
    values = json.loads(file.read_text("utf-8"))
    assert i2i.load(run, device="cpu").info.smallest_size <= 16
    values["generators"]["G_A"]["smallest_size"] = 40
    file.write_text(json.dumps(values))
    assert i2i.load(run, device="cpu").info.smallest_size == 40


@pytest.mark.parametrize("size", SIZES)
def test_small_images_are_padded(run, network, size):
    height, width = (max(64, -(-side // 16) * 16) for side in size)
    images = torch.rand(1, 3, *size) * 2 - 1
    with torch.no_grad():
        expected = crop(network(pad(images, (height, width))), size)
    assert torch.allclose(i2i.load(run, device="cpu")(images), expected, atol=1e-6)


@pytest.mark.parametrize("statistics", ["exact", "estimate"])
@pytest.mark.parametrize("size", [*SIZES, (150, 70)])
def test_tiles(run, size, statistics):
    image = noise(*size)
    tiled = i2i.load(run, device="cpu", tile=32, tile_statistics=statistics)(image)
    assert tiled.shape == image.shape
    if statistics == "exact":
        whole = i2i.load(run, device="cpu")(image)
        assert np.abs(tiled.astype(int) - whole.astype(int)).max() <= 1


@pytest.mark.slow  # it exports
@pytest.mark.parametrize("suffix", ["onnx", "pt2"])
def test_exported_files(run, tmp_path, suffix):
    report = i2i.export(run, tmp_path / f"model.{suffix}")
    assert report.checks[0].height == SMALLEST
    exported, original = i2i.load(report.path, device="cpu"), i2i.load(run, device="cpu")
    assert exported.info.smallest_size == SMALLEST
    for size in SIZES[1:]:
        image = noise(*size)
        assert np.abs(exported(image).astype(int) - original(image).astype(int)).max() <= 1
    assert exported(noise(1, 1)).shape == (1, 1, 3)
