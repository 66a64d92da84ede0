"""``i2i.load(MODEL, tile=...)``: what a person gets who divides images."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import i2i
from i2i.errors import ConfigError, DataError, DivergedError
from i2i.translation.network_runner import NetworkRunner
from i2i.translation.tiles import tiling
from i2i.translation.translator import Translator

from ...helpers.forking import PYTORCH, run_forked
from ...helpers.images import noise
from ...helpers.networks import randomised
from ...helpers.trained import generator_of, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("tiled") / "run")[0]


@pytest.fixture(scope="module")
def whole(run):
    return i2i.load(run, device="cpu")


@pytest.fixture(scope="module")
def tiled(run):
    return i2i.load(run, device="cpu", tile=32)


def translator_of(network, info, side):
    runner = NetworkRunner(network, info, device="cpu")
    return Translator(runner, side and tiling.Tiling(tiling.TileSettings(automatic=False, side=side), runner))


@pytest.mark.parametrize("size", [(75, 101), (5, 90), (64, 64)])
def test_every_kind_of_image_is_translated_as_without_tiles(whole, tiled, tmp_path, size):
    pixels = noise(*size)
    path = tmp_path / "image.png"
    Image.fromarray(pixels).save(path)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 127.5 - 1
    assert (tiled(tensor) - whole(tensor)).abs().max() < 1e-4
    for item in (pixels, Image.fromarray(pixels), path):
        got, expected = (np.asarray(translator(item)).astype(int) for translator in (tiled, whole))
        assert got.shape == expected.shape
        assert np.abs(got - expected).max() <= 1, "a level, where the rounding falls on its other side"
        assert (got != expected).mean() < 1e-3


def test_lists_and_batches_too(whole, tiled):
    tensor = torch.rand(3, 3, 40, 56) * 2 - 1
    both = tiled([tensor, tensor[:1]])
    assert [len(result) for result in both] == [3, 1]
    assert (torch.cat(both) - whole(torch.cat([tensor, tensor[:1]]))).abs().max() < 1e-4


def test_a_network_that_changes_its_input(tmp_path):
    network, options = generator_of(input_skip=True)
    folder, _ = write_run(tmp_path / "run", networks={"AtoB": (randomised(network), options)})
    tensor = torch.rand(1, 3, 40, 56) * 2 - 1
    whole, tiled = (i2i.load(folder, device="cpu", tile=tile)(tensor) for tile in (None, 16))
    assert (whole - tensor).abs().max() > 0.1
    assert (tiled - whole).abs().max() < 1e-4


def test_sixteen_bits_stay_sixteen(tmp_path):
    folder, _ = write_run(tmp_path / "grey", in_channels=1, out_channels=1)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 65536, (40, 50), dtype=np.uint16))
    results = [i2i.load(folder, device="cpu", tile=tile)(picture) for tile in (None, 16)]
    assert results[1].mode == results[0].mode == "I;16"
    got, expected = (np.asarray(result).astype(int) for result in results)
    assert np.abs(got - expected).max() <= 8


def test_bf16_differs_no_more_than_bf16_does(run):
    tensor = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    whole, tiled = (i2i.load(run, device="cpu", precision="bf16", tile=tile)(tensor) for tile in (None, 32))
    exact = i2i.load(run, device="cpu")(tensor)
    assert (tiled - exact).abs().max() < 2 * (whole - exact).abs().max() + 1e-3


class TestAuto:
    @pytest.fixture
    def automatic(self, run):
        return i2i.load(run, device="cpu", tile="auto").tiling

    def test_divides_only_what_memory_is_too_small_for(self, automatic, monkeypatch):
        needed = automatic.untiled_bytes((512, 512))
        monkeypatch.setattr(tiling, "available_memory", lambda _: int(needed / tiling.UNTILED_SHARE) + 1000)
        assert not automatic.applies((512, 512))
        assert automatic.applies((512, 512), count=2)
        assert automatic.applies((512, 520))

    def test_the_estimate_counts_what_the_layers_hold(self, automatic):
        values = 4 * 512 * 512  # of the first layer of this network
        assert 2 * values * 4 < automatic.untiled_bytes((512, 512)) < 6 * values * 4

    def test_a_translator_that_divides_nothing_gives_the_same_bits(self, run, whole):
        pixels = noise(40, 40)
        assert np.array_equal(i2i.load(run, device="cpu", tile="auto")(pixels), whole(pixels))


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"tile": 8}, "at least 16"),
            ({"tile": "big"}, "auto, or the side"),
            ({"tile": 64, "tile_statistics": "rough"}, "'exact' or 'estimate'"),
            ({"tile": 64, "tile_memory": -1}, "at least 0"),
            ({"tile": 64, "tile_folder": "/no/such/folder"}, "does not exist"),
            ({"tile_memory": 1}, "add --tile auto"),
            ({"tile": 64, "tile_statistics": "estimate", "tile_memory": 1}, "keeps nothing"),
            ({"tile": 64, "tile_statistics": "estimate", "inference": "paper"}, "deterministic"),
        ],
    )
    def test_wrong_options(self, run, options, message):
        with pytest.raises(ConfigError, match=message):
            i2i.load(run, device="cpu", **options)

    def test_a_network_that_cannot_be_divided_is_refused_when_it_is_loaded(self, whole):
        class Squeeze(nn.Module):
            def forward(self, images):
                return images * images.mean((2, 3), keepdim=True)

        with pytest.raises(ConfigError, match=r"layer itself \(Squeeze\): operator mean.*--tile-statistics estimate"):
            translator_of(Squeeze(), whole.info, side=64)

    def test_dropout_that_is_on(self, tmp_path):
        folder, _ = write_run(tmp_path / "dropping", dropout=True, norm="none")
        with pytest.raises(ConfigError, match="dropout is on"):
            i2i.load(folder, device="cpu", inference="paper", tile=64)

    @pytest.mark.parametrize("side", [None, 64])
    def test_an_image_too_small_for_the_network(self, whole, side):
        network = nn.Sequential(nn.Conv2d(3, 3, 16, 16), nn.InstanceNorm2d(3), nn.Upsample(scale_factor=16))
        translator = translator_of(network, whole.info, side)
        translator(noise(64, 64))
        with pytest.raises(DataError, match="more than 1 spatial element"):
            translator(noise(16, 16))

    def test_an_exported_file(self, tmp_path):
        (tmp_path / "model.onnx").touch()
        with pytest.raises(ConfigError, match="computes an image as a whole"):
            i2i.load(tmp_path / "model.onnx", tile=64)

    def test_nan_is_an_error_as_without_tiles(self, whole):
        class Broken(nn.Module):
            def forward(self, images):
                return (images - 2).log()

        with pytest.raises(DivergedError, match=r"generator resnet of .* gave NaN or infinity; use"):
            translator_of(Broken(), whole.info, side=64)(noise(64, 64))

    def test_a_disk_without_space(self, run, monkeypatch):
        translator = i2i.load(run, device="cpu", tile=32, tile_memory=0)
        monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10})())
        with pytest.raises(DataError, match="GiB are free"):
            translator(noise(64, 64))


BYTES_A_TILE_PIXEL = 64
"""Times the channels of the first layer: what docs/large-images.md says of the workspace."""

PEAK = """
import pathlib, sys, torch
import i2i

def resident(name):  # bytes: VmRSS is now, VmHWM the most since it was reset
    line = next(line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024

tile, side = sys.argv[2], int(sys.argv[3])
memory = {} if tile == "none" else {"tile": int(tile), "tile_memory": 0.01}
torch.set_num_threads(1)
translator = i2i.load(sys.argv[1], device="cpu", **memory)
image = torch.rand(1, 3, side, side)
translator(torch.zeros(1, 3, 64, 64))
pathlib.Path("/proc/self/clear_refs").write_text("5")
before = resident("VmRSS")
translator(image)
print(resident("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's own count of a process's memory")
def test_peak_memory_grows_with_the_tiles_and_not_with_the_image(tmp_path):
    folder, _ = write_run(tmp_path / "run", base_channels=8, blocks=1)

    program = tmp_path / "peak.py"
    program.write_text(PEAK)

    def peak(tile, side):
        done = run_forked([program, folder, tile, side], modules=PYTORCH)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    untiled, small, large = peak("none", 1024), peak(128, 1024), peak(128, 1536)
    print(untiled, small, large)
    output = 3 * 1024**2 * 4
    bound = 0.01 * 2**30 + BYTES_A_TILE_PIXEL * 8 * 128**2 + 20 * 2**20
    assert small < output + bound
    assert large < 1.5**2 * output + bound
    assert small < untiled / 2
