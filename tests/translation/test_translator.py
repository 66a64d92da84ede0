"""``i2i.load``: what a translator gives is what its generator gives, for every kind and size of image."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import i2i
from i2i.errors import ConfigError, DataError
from i2i.tensors.padding import crop, pad, padded_size
from i2i.tensors.pixels import to_uint8
from i2i.translation.kinds import prepare, to_picture

from ..helpers.images import READERS, noise, write_images
from ..helpers.running import PAIRED, UNPAIRED, run_here
from ..helpers.trained import generator_of, write_run


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


def as_tensor(array):
    return (torch.from_numpy(array).permute(2, 0, 1).float() / 255 - 0.5) / 0.5


@torch.no_grad()
def by_hand(generator, array):
    """The generator on ``[H, W, C]`` of uint8 whose sides it can take, as uint8."""
    return to_uint8(generator(as_tensor(array)[None]))[0].permute(1, 2, 0).numpy()


def assert_close(first, second, levels=1):
    """Equal to the rounding of a level: sums in another order may fall on its other side."""
    first, second = np.asarray(first).astype(int), np.asarray(second).astype(int)
    assert first.shape == second.shape
    assert np.abs(first - second).max() <= levels
    assert (first != second).mean() < 0.001


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


@pytest.fixture(scope="module")
def expected(translator):
    """The translation of ``TestKinds.array``."""
    return translator(TestKinds.array)


class TestKinds:
    """Every kind goes in as it is and comes out as itself, with the same values."""

    array = noise(18, 21)

    def test_array_of_uint8(self, translator, expected):
        assert (expected.dtype, expected.shape) == (np.uint8, (18, 21, 3))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_array_of_floats(self, translator, expected, dtype):
        result = translator((self.array / 255).astype(dtype))
        assert result.dtype == dtype
        assert 0 <= result.min() < result.max() <= 1
        assert_close((result * 255).round(), expected)

    def test_array_that_is_a_view(self, translator, expected):
        assert np.array_equal(translator(self.array[::-1])[::-1].shape, expected.shape)
        assert np.array_equal(translator(np.ascontiguousarray(self.array[::-1])), translator(self.array[::-1]))

    def test_pillow(self, translator, expected):
        result = translator(Image.fromarray(self.array))
        assert (result.mode, result.size) == ("RGB", (21, 18))
        assert np.array_equal(np.asarray(result), expected)

    @pytest.mark.parametrize("as_kind", [str, lambda path: path], ids=["str", "Path"])
    def test_path(self, translator, expected, tmp_path, as_kind):
        Image.fromarray(self.array).save(tmp_path / "an image.png")
        result = translator(as_kind(tmp_path / "an image.png"))
        assert isinstance(result, Image.Image)
        assert np.array_equal(np.asarray(result), expected)

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
    def test_tensor(self, translator, expected, dtype):
        result = translator(as_tensor(self.array).to(dtype))
        assert (result.dtype, result.shape, result.requires_grad) == (dtype, (3, 18, 21), False)
        if dtype != torch.float16:  # which moves the input by more than a level of the output
            assert_close(to_uint8(result).permute(1, 2, 0), expected)

    def test_batch_of_tensors(self, translator, expected):
        batch = torch.stack([as_tensor(self.array), as_tensor(noise(18, 21, seed=1))])
        result = translator(batch)
        assert result.shape == batch.shape
        assert_close(to_uint8(result[0]).permute(1, 2, 0), expected)

    @pytest.mark.parametrize("batch_size", [1, 2, 10])
    def test_list_of_all_kinds_and_sizes(self, translator, expected, batch_size):
        other = noise(30, 17, seed=2)
        images = [self.array, Image.fromarray(other), as_tensor(self.array), other, as_tensor(other)[None]]
        results = translator(images, batch_size=batch_size)
        assert [type(result) for result in results] == [type(image) for image in images]
        assert_close(results[0], expected)
        assert_close(np.asarray(results[1]), results[3])
        assert_close(to_uint8(results[2]).permute(1, 2, 0), expected)
        assert results[4].shape == (1, 3, 30, 17)
        assert translator([]) == []
        assert isinstance(translator((self.array,)), list)

    @pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA"])
    def test_pillow_modes_are_read_as_in_files(self, translator, tmp_path, mode):
        image = Image.fromarray(noise(16, 16, 4)).convert(mode)
        image.save(tmp_path / "image.png")
        assert np.array_equal(np.asarray(translator(image)), np.asarray(translator(tmp_path / "image.png")))

    @pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4)])
    @pytest.mark.parametrize("wanted", [1, 3])
    def test_arrays_of_other_channels_are_read_as_in_files(self, translator, mode, channels, wanted):
        info = replace(translator.info, in_channels=wanted)
        image = Image.fromarray(noise(16, 16, 4)).convert(mode)
        array = np.asarray(image).reshape(16, 16, channels)
        read = prepare(image, info, READERS).images
        assert torch.equal(prepare(array, info, READERS).images, read)
        floats = prepare(array.astype(np.float32) / 255, info, READERS).images
        assert (floats - read).abs().max() < 3 / 127.5, "Pillow rounds a blend and a grey to 8 bits, floats stay"

    def test_exif_orientation_of_a_pillow_image(self, translator, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(noise(16, 24)).save(tmp_path / "turned.png", exif=exif)
        with Image.open(tmp_path / "turned.png") as image:
            result = translator(image)
        assert result.size == (16, 24)
        assert np.array_equal(np.asarray(result), np.asarray(translator(tmp_path / "turned.png")))

    def test_transparent_parts_lie_over_the_runs_background(self, translator):
        clear = np.zeros((16, 16, 4), np.uint8)
        blue = np.zeros((16, 16, 3), np.uint8)
        blue[:, :, 2] = 255
        assert np.array_equal(translator(clear), translator(blue))


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    """A translator from grey to grey, and its generator."""
    folder, networks = write_run(tmp_path_factory.mktemp("grey") / "run", in_channels=1, out_channels=1)
    return i2i.load(folder, device="cpu"), networks["AtoB"]


class TestGrey:
    def test_array_without_channels(self, grey):
        translator, generator = grey
        array = noise(16, 20, 1)
        assert_close(translator(array[:, :, 0]), by_hand(generator, array)[:, :, 0])
        assert translator(array).shape == (16, 20, 1)
        assert translator(Image.fromarray(array[:, :, 0])).mode == "L"

    def test_colours_become_grey_by_rec_601(self, grey):
        translator, _ = grey
        colours = noise(16, 16)
        luma = np.asarray(Image.fromarray(colours).convert("L"))
        assert np.array_equal(translator(colours)[:, :, 0], translator(luma))
        floats = translator(colours.astype(np.float32) / 255)
        assert np.abs(floats[:, :, 0] * 255 - translator(luma)).max() < 8
        assert translator(Image.fromarray(colours)).mode == "L"

    def test_16_bits_stay_16_bits(self, grey, tmp_path):
        translator, generator = grey
        levels = np.random.default_rng(0).integers(0, 65536, (16, 16), dtype=np.uint16)
        Image.fromarray(levels).save(tmp_path / "deep.png")
        result = translator(tmp_path / "deep.png")
        with torch.no_grad():
            value = generator(torch.from_numpy(levels / 32767.5 - 1).float()[None, None])
        assert result.mode == "I;16"
        assert np.abs(np.asarray(result).astype(int) - ((value[0, 0].numpy() + 1) * 32767.5)).max() < 2

    def test_a_network_from_grey_to_colour(self, tmp_path):
        folder, _ = write_run(tmp_path / "run", in_channels=1, out_channels=3)
        translator = i2i.load(folder, device="cpu")
        assert translator(noise(17, 19, 1)[:, :, 0]).shape == (17, 19, 3)
        assert translator(Image.new("L", (19, 17))).mode == "RGB"

    def test_a_network_of_other_channels_takes_tensors_and_arrays(self, tmp_path):
        folder, _ = write_run(tmp_path / "run", in_channels=5, out_channels=2)
        translator = i2i.load(folder, device="cpu")
        assert translator(torch.zeros(5, 17, 18)).shape == (2, 17, 18)
        assert translator(noise(17, 18, 5)).shape == (17, 18, 2)
        with pytest.raises(DataError, match="maps 5 channels to 2; pictures have 1 or 3"):
            translator(Image.new("RGB", (16, 16)))
        with pytest.raises(DataError, match=r"takes 5 channels; got an array of shape \(16, 16, 3\)"):
            translator(noise(16, 16))


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
            (np.zeros((16, 16, 3), np.int64), "uint8, or of floats in .0, 1.; got .* type int64"),
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


def test_pictures_of_grey_tensors():
    assert to_picture(torch.full((1, 1, 2, 2), 1.0)).getpixel((0, 0)) == 255
    assert np.asarray(to_picture(torch.full((1, 1, 2, 2), 2.0), deep=True)).max() == 65535
    assert to_picture(torch.zeros(1, 3, 2, 2), deep=True).mode == "RGB"


def test_pillow_images_that_cannot_be_read_or_have_no_pixels_are_an_error_of_the_data(tmp_path):
    translator = i2i.load("sample:flat-3d", device="cpu")
    path = tmp_path / "cut.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:3000])
    with Image.open(path) as cut, pytest.raises(DataError, match="a Pillow image cannot be translated"):
        translator(cut)
    with pytest.raises(DataError, match="expected a Pillow image with pixels; got one of 0 x 5 pixels"):
        translator(Image.new("RGB", (0, 5)))


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_pixel_is_refused(limit):
    with pytest.raises(ConfigError, match=f"max_pixels must be at least 1; got {limit}"):
        i2i.load("sample:flat-3d", device="cpu", max_pixels=limit)
