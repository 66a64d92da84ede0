"""Every kind of image goes in as it is and comes out as itself: arrays, tensors, pictures, paths; colours and grey."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

import i2i
from i2i.errors import DataError
from i2i.tensors.pixels import to_uint8
from i2i.translation.kinds import prepare, to_picture

from ..helpers.images import READERS, noise
from ..helpers.trained import write_run
from ..helpers.translating import as_tensor, assert_close, by_hand


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    folder, _ = write_run(tmp_path_factory.mktemp("colours") / "run")
    return i2i.load(folder, device="cpu")


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

    def test_array_of_uint16(self, translator, expected):
        result = translator(self.array.astype(np.uint16) * 257)
        assert (result.dtype, result.shape) == (np.uint16, expected.shape)
        assert_close((result / 257).round(), expected)
        assert (result % 257).any()  # no level of 8 bits

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
