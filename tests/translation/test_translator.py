"""``i2i.load``: what a translator gives is what its generator gives, for every kind and size of image."""

import json
import random

import numpy as np
import pytest
import torch
from PIL import Image

import i2i
from i2i.errors import ConfigError, DataError
from i2i.tensors.padding import crop, pad, padded_size
from i2i.tensors.pixels import to_uint8

from ..helpers.images import noise, write_images
from ..helpers.running import PAIRED, UNPAIRED, run_here
from ..helpers.trained import generator_of, write_run
from ..helpers.translating import as_tensor, assert_close, by_hand


@pytest.fixture(scope="module")
def both_ways(tmp_path_factory):
    """A run folder with a generator for each direction, and the generators."""
    return write_run(tmp_path_factory.mktemp("both") / "run", directions=("AtoB", "BtoA"))


@pytest.fixture(scope="module")
def run(both_ways):
    return both_ways[0]


@pytest.fixture(scope="module")
def translator(run):
    return i2i.load(run, device="cpu")


@pytest.fixture(scope="module")
def generator(both_ways):
    return both_ways[1]["AtoB"]


@pytest.mark.parametrize("size", [(16, 16), (32, 20)])
def test_values_are_those_of_the_generator(translator, generator, size):
    array = noise(*size)
    assert_close(translator(array), by_hand(generator, array))
    assert np.asarray(translator(array)).std() > 10, "the network does something"


def test_the_other_direction_is_the_other_generator(run, both_ways):
    array = noise(16, 16)
    back = i2i.load(run, direction="BtoA", device="cpu")
    assert_close(back(array), by_hand(both_ways[1]["BtoA"], array))
    assert back.info.domains == ("3d", "line")


@pytest.mark.parametrize(("settings", "size"), [(UNPAIRED, 16), (PAIRED, 24)], ids=["cyclegan", "pix2pix"])
def test_outputs_are_those_of_the_runs_held_out_samples(tmp_path, settings, size):
    """The sheet's second column, enlarged by a whole factor, holds the trainer's output for each held-out image."""
    images = write_images(tmp_path / "images", train=(2, 2), size=size)
    more = {"training.sample_images": 2, "training.ema_decay": 0.5}
    result = run_here(images, tmp_path / "run", settings=settings, more=more, steps=2)
    translator = i2i.load(result.folder, device="cpu")
    about = json.loads((result.folder / "samples" / "AtoB" / "columns.json").read_text())
    factor = about["cell"][0] // size
    with Image.open(result.folder / "samples" / "AtoB" / "step-00000002.png") as opened:
        sheet = np.asarray(opened.convert("RGB"))
    for row, path in enumerate(sorted((images / "testA").iterdir())):
        top, left = (place * (about["cell"][0] + about["gap"]) for place in (row, 1))
        shown = sheet[top : top + size * factor : factor, left : left + size * factor : factor]
        assert_close(translator(path), shown)
    assert translator.info.step == 2
    assert translator.info.moving_average
    assert translator.info.method == ("cyclegan" if settings is UNPAIRED else "pix2pix")
    assert translator.info.metrics == dict(result.metrics["AtoB"])


def test_info_says_what_it_is(translator, run):
    info = translator.info
    assert info.checkpoint == (run / "checkpoints" / "step-00000007").resolve()
    assert (info.method, info.direction, info.directions) == ("pix2pix", "AtoB", ("AtoB", "BtoA"))
    assert info.domains == ("line", "3d")
    assert (info.generator, info.options["blocks"], info.size_multiple) == ("resnet", 1, 4)
    assert (info.in_channels, info.out_channels, info.value_range) == (3, 3, (-1.0, 1.0))
    assert info.versions["torch"] == torch.__version__
    assert info.versions["i2i"] == i2i.__version__
    assert info.package == f"i2i {i2i.__version__}"
    assert (info.background, info.max_pixels) == ("#0000ff", 1_000_000)
    assert (info.step, info.metrics["l1"], info.inference) == (7, 12.5, "deterministic")
    assert "line to 3d" in repr(translator)


class TestSizes:
    @pytest.mark.parametrize("size", [(1, 1), (3, 50), (17, 19), (63, 65)])
    @pytest.mark.parametrize("name", ["resnet", "unet"])
    def test_every_size_stays(self, tmp_path, size, name):
        options = {"name": "unet", "downs": 5, "base_channels": 4} if name == "unet" else {}
        folder, networks = write_run(tmp_path / "run", **options)
        translator = i2i.load(folder, device="cpu")
        array = noise(*size)
        with torch.no_grad():
            padded = pad(as_tensor(array)[None], padded_size(size, translator.info.size_multiple))
            expected = crop(networks["AtoB"](padded), size)
        assert_close(translator(array), to_uint8(expected)[0].permute(1, 2, 0))
        assert translator(Image.fromarray(array)).size == size[::-1]


@pytest.fixture(scope="module")
def dropping(tmp_path_factory):
    """A run with dropout and batch norm that was set to keep them on."""
    folder = tmp_path_factory.mktemp("dropping") / "run"
    write_run(folder, dropout=True, norm="batch", more={"inference": "paper"})
    return folder


class TestDeterminism:
    def test_by_default_nothing_is_random(self, dropping):
        translator = i2i.load(dropping, device="cpu", inference="deterministic")
        array = noise(16, 16)
        first = translator(array)
        translator(noise(16, 16, seed=9))
        torch.manual_seed(99)
        assert np.array_equal(translator(array), first)
        assert np.array_equal(i2i.load(dropping, device="cpu", inference="deterministic")(array), first)

    def test_paper_inference_is_the_runs_option_and_repeats_itself(self, dropping):
        array = noise(16, 16)
        paper = i2i.load(dropping, device="cpu")
        assert paper.info.inference == "paper"
        first = paper(array)
        paper(noise(16, 16, seed=9))
        torch.manual_seed(99)
        assert np.array_equal(paper(array), first), "an image has one translation"
        assert not np.array_equal(i2i.load(dropping, device="cpu", inference="deterministic")(array), first)

    def test_paper_inference_is_training_mode(self, dropping):
        network, _ = generator_of(dropout=True, norm="batch")
        array = noise(16, 16)
        # Contiguous as in the translator: dropout draws its numbers in the order of memory.
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            expected = to_uint8(network.train()(as_tensor(array)[None].contiguous()))[0].permute(1, 2, 0)
        assert_close(i2i.load(dropping, device="cpu")(array), expected)

    @pytest.mark.parametrize("inference", ["deterministic", "paper"])
    def test_no_global_random_state_is_touched(self, dropping, inference):
        before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
        i2i.load(dropping, device="cpu", inference=inference)(noise(16, 16))
        assert torch.equal(torch.get_rng_state(), before[0])
        assert random.getstate() == before[1]
        assert np.array_equal(np.random.get_state()[1], before[2])

    def test_paper_inference_gives_an_image_one_translation_whatever_is_beside_it(self, dropping):
        paper = i2i.load(dropping, device="cpu")
        images = torch.stack([as_tensor(noise(16, 16, seed=seed)) for seed in range(3)])
        alone = torch.cat([paper(image[None]) for image in images])
        assert torch.equal(paper(images), alone)
        assert torch.equal(torch.stack(paper(list(images), batch_size=2)), alone)

    def test_batch_size_changes_nothing_with_instance_norm(self, translator):
        images = [noise(20, 20, seed=seed) for seed in range(5)]
        alone = translator(images)
        for batch_size in (2, 5):
            for one, other in zip(alone, translator(images, batch_size=batch_size), strict=True):
                assert_close(one, other)


class TestRefusals:
    @pytest.mark.parametrize(
        ("image", "message"),
        [
            (17, "expected a Pillow image, a path, a numpy array, a tensor, or a list of these; got int"),
            (np.zeros((2, 16, 16, 3), np.uint8), r"\[H, W\] or \[H, W, C\]; got an array of shape \(2, 16, 16, 3\)"),
            (np.zeros((0, 16, 3), np.uint8), r"shape \(0, 16, 3\)"),
            (np.zeros((16, 16, 3), np.int64), "uint8 or uint16, or of floats in .0, 1.; got .* type int64"),
            (np.full((16, 16, 3), 2.0), r"expected values in \[0, 1\]; got 2 to 2"),
            (np.full((16, 16, 3), np.nan), r"expected values in \[0, 1\]; got nan"),
            (np.zeros((16, 16, 5), np.uint8), "takes 3 channels"),
            (torch.zeros(16, 16), r"expected a tensor \[3, H, W\] or \[N, 3, H, W\]; got a tensor of shape \[16, 16\]"),
            (torch.zeros(1, 16, 16), r"shape \[1, 16, 16\]"),
            (torch.zeros(0, 3, 16, 16), r"shape \[0, 3, 16, 16\]"),
            (torch.zeros(3, 16, 16, dtype=torch.uint8), "x / 127.5 - 1"),
            (torch.full((3, 16, 16), 255.0), r"expected values in \[-1, 1\]; got 255 to 255"),
            (Image.new("CMYK", (16, 16)), "colour mode CMYK is not supported"),
            ("no-such-file.png", "no-such-file.png: not readable"),
        ],
    )
    def test_what_cannot_be_translated_is_named(self, translator, image, message):
        with pytest.raises(DataError, match=message):
            translator(image)

    def test_a_file_larger_than_the_limit(self, run, tmp_path):
        Image.new("L", (40, 40)).save(tmp_path / "large.png")
        with pytest.raises(DataError, match="40 x 40 pixels, more than max_pixels = 1000"):
            i2i.load(run, device="cpu", max_pixels=1000)(tmp_path / "large.png")

    def test_batch_size_below_one(self, translator):
        with pytest.raises(ConfigError, match="batch_size must be a whole number of at least 1; got 0"):
            translator([], batch_size=0)

    def test_a_device_that_is_not_there(self, run, translator):
        with pytest.raises(ConfigError, match="--device"):
            i2i.load(run, device="cuda:99")
        with pytest.raises(ConfigError, match="--device"):
            translator.to("nonsense")
        assert translator.to("cpu") is translator
        assert translator.device == torch.device("cpu")

    def test_a_wrong_precision(self, run):
        with pytest.raises(ConfigError, match="precision must be 'fp32' or 'bf16'; got 'fp64'"):
            i2i.load(run, device="cpu", precision="fp64")


def test_bf16_is_near_fp32(run, translator):
    array = noise(32, 32)
    rough = i2i.load(run, device="cpu", precision="bf16")(array)
    assert 0 < np.abs(rough.astype(int) - translator(array).astype(int)).mean() < 8


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_pixel_is_refused(limit):
    with pytest.raises(ConfigError, match=f"max_pixels must be at least 1; got {limit}"):
        i2i.load("sample:flat-3d", device="cpu", max_pixels=limit)
