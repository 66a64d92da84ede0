"""Every kind of generator in every kind of file, on pictures of every kind of size, and from threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnxruntime
import pytest
import torch

import i2i

from ..helpers.trained import write_run

pytestmark = pytest.mark.slow  # each exports

KINDS = {
    "batch norm": {"norm": "batch"},
    "learnt scale, dropout, colour to grey": {
        "affine": True,
        "upsample": "resize",
        "dropout": True,
        "in_channels": 3,
        "out_channels": 1,
    },
    "no norm, grey to colour": {"norm": "none", "in_channels": 1, "out_channels": 3},
    "anti-aliased": {"antialias": True, "upsample": "bilinear"},
    "U-Net, grey": {"name": "unet", "downs": 4, "base_channels": 4, "in_channels": 1, "out_channels": 1},
}
SIZES = ((1, 1), (7, 5), (2049, 3), (40, 33))


# Without a norm there is nothing that the writer of PT2 archives would change; see test_as_translator.
EXPORTS = [(kind, suffix) for suffix in ("onnx", "pt2") for kind in KINDS if suffix == "onnx" or "no norm" not in kind]


@pytest.mark.parametrize(("kind", "suffix"), EXPORTS)
def test_every_generator_on_every_size(tmp_path, kind, suffix):
    more = {"inference": "paper"} if "dropout" in kind else None
    run, _ = write_run(tmp_path / "run", more=more, **KINDS[kind])
    settings = {"inference": "deterministic"} if more else {}
    original = i2i.load(run, device="cpu", **settings)
    exported = i2i.load(i2i.export(run, tmp_path / f"model.{suffix}", **settings).path, device="cpu")
    channels = KINDS[kind].get("in_channels", 3)
    for height, width in SIZES:
        if (height, width) == (1, 1) and KINDS[kind].get("norm", "instance") == "instance":
            assert exported(np.zeros((1, 1, channels), np.uint8)).shape[:2] == (1, 1)
            continue  # it is one colour once it is padded, of which small instance norms of PyTorch leave rounding
        image = np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)
        result, expected = exported(image), original(image)
        assert result.shape == expected.shape
        assert np.abs(result.astype(int) - expected.astype(int)).max() <= 1


@pytest.fixture(scope="module")
def as_before(tmp_path_factory):
    """A file in the form that 0.1.0 wrote, for one size: with the norm of ONNX itself, in opset 18."""
    folder = tmp_path_factory.mktemp("before")
    run, _ = write_run(folder / "run")
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "write_exact_norms",
            "least_versions",
            "_join_upsampling",
            "_split_thin_convolutions",
            "_store_halves",
            "_bound_tanh",
        ):
            patch.setattr(f"i2i.exporting.onnx_file.{name}", lambda _: None)
        report = i2i.export(run, folder / "before.onnx", size=(33, 20), batch=1)
    return run, report.path


def test_files_of_before_still_load(as_before):
    run, path = as_before
    image = np.random.default_rng(0).integers(0, 256, (33, 20, 3), dtype=np.uint8)
    difference = i2i.load(path)(image).astype(int) - i2i.load(run, device="cpu")(image).astype(int)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("name", ["images.onnx", "images.pt2"])
def test_one_file_in_several_threads(exported, name):
    translator = i2i.load(exported[1][name].path, device="cpu")
    images = [np.random.default_rng(seed).integers(0, 256, (20 + seed, 31, 3), dtype=np.uint8) for seed in range(12)]
    alone = [translator(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(translator, images))
    for first, second in zip(alone, together, strict=True):
        assert np.abs(first.astype(int) - second.astype(int)).max() <= 1


def test_a_raw_file_keeps_nan(exported):
    """What keeps tanh below its bound must not hide a network that has diverged."""
    session = onnxruntime.InferenceSession(str(exported[1]["raw.onnx"].path), providers=["CPUExecutionProvider"])
    images = torch.zeros(1, 3, 16, 16)
    images[0, 0, 3, 3] = torch.nan
    assert np.isnan(session.run(None, {"images": images.numpy()})[0]).any()
