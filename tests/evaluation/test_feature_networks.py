"""Feature networks: the thumbnail, everybody's own, and messages for what is missing."""

import sys

import pytest
import torch
from torch import nn

from i2i.errors import ConfigError, DataError
from i2i.evaluation.feature_networks import load_features

CPU = torch.device("cpu")


class Means(nn.Module):
    """The mean of each channel, and their product."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        means = images.float().mean(dim=(2, 3))
        return torch.cat([means, means.prod(dim=1, keepdim=True)], dim=1)


@pytest.fixture(scope="module")
def images():
    return torch.randint(0, 256, (3, 3, 20, 25), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def refuse(name, error=ConfigError):
    with pytest.raises(error) as caught:
        load_features(name, CPU)
    return str(caught.value)


def test_the_thumbnail_is_the_means_of_fields():
    features = load_features("thumbnail", CPU)
    images = torch.zeros(2, 3, 16, 24, dtype=torch.uint8)
    images[1, 0, :2, :3] = 255
    result = features.of(images)
    assert result.shape == (2, 192)
    assert result.sum() == result[1, 0] == 1
    assert not features.standard


def test_grey_images_are_repeated(images):
    features = load_features("thumbnail", CPU)
    assert torch.equal(features.of(images[:, :1]), features.of(images[:, :1].repeat(1, 3, 1, 1)))
    with pytest.raises(DataError, match="1 or 3 channels; got 2"):
        features.of(images[:, :2])


def test_a_function_in_the_current_folder(images, tmp_path, monkeypatch):
    (tmp_path / "features_of_a_test.py").write_text(
        "def make():\n    return lambda images: images.float().mean(dim=(2, 3))\n"
        "def wrong():\n    return 7\ndef flat():\n    return lambda images: images.float().mean()\n"
        "def nan():\n    return lambda images: images.float().mean(dim=(2, 3)) * float('nan')\n"
        "def broken():\n    raise OSError('no weights')\n"
        "def picky():\n    return lambda images: images.missing\n"
    )
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    features = load_features("features_of_a_test:make", CPU)
    assert sys.path == path
    assert torch.equal(features.of(images), images.float().mean(dim=(2, 3)))
    assert features.name == "features_of_a_test:make"
    assert "got int" in refuse("features_of_a_test:wrong")
    assert "no weights" in refuse("features_of_a_test:broken")
    assert "AttributeError" in refuse("features_of_a_test:missing")
    assert "ModuleNotFoundError" in refuse("no_such_module:make")
    for name, message in (("flat", r"expected a tensor \[3, D\]"), ("nan", "NaN"), ("picky", "cannot take uint8")):
        with pytest.raises(ConfigError, match=message):
            load_features(f"features_of_a_test:{name}", CPU).of(images)


def test_a_file_in_the_current_folder_takes_the_place_of_no_installed_module(images, tmp_path, monkeypatch):
    (tmp_path / "colour_features_of_a_test.py").write_text(
        "import colorsys\ndef make():\n    return lambda images: images.float().mean(dim=(2, 3)) * colorsys.ONE_SIXTH\n"
    )
    (tmp_path / "colorsys.py").write_text("raise RuntimeError('somebody\\'s notes')\n")
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    monkeypatch.chdir(tmp_path)
    assert load_features("colour_features_of_a_test:make", CPU).of(images).shape == (3, 3)


@pytest.mark.parametrize("suffix", [".pt", ".pt2", ".onnx"])
def test_a_file(images, tmp_path, suffix):
    path = tmp_path / f"means{suffix}"
    open_batch = {0: torch.export.Dim.DYNAMIC}
    if suffix == ".pt":
        with pytest.warns(DeprecationWarning, match="torch.jit"):
            torch.jit.script(Means()).save(str(path))
    elif suffix == ".pt2":
        torch.export.save(torch.export.export(Means(), (images,), dynamic_shapes=(open_batch,)), path)
    else:
        import onnx
        from onnx import TensorProto, helper

        nodes = [
            helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("GlobalAveragePool", ["floats"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["features"]),
        ]
        inputs = [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 3, "h", "w"])]
        outputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3])]
        graph = helper.make_graph(nodes, "means", inputs, outputs)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    if suffix == ".pt":
        assert "code as well as weights" in refuse(str(path))
        assert "--trust" in refuse(str(path))
    features = load_features(str(path), CPU, trust=suffix == ".pt")
    assert torch.allclose(features.of(images)[:, :3], images.float().mean(dim=(2, 3)))
    assert features.name.startswith(f"means{suffix} (sha256 ")


def test_what_is_no_extractor(tmp_path):
    assert "--features must be inception, thumbnail," in refuse("resnet50")
    assert "cannot be read" in refuse(str(tmp_path / "missing.pt"))
    for suffix in (".pt", ".pt2", ".onnx"):
        (tmp_path / f"bad{suffix}").write_bytes(b"nonsense")
        assert "cannot be loaded" in refuse(str(tmp_path / f"bad{suffix}"))
        with pytest.raises(ConfigError, match="cannot be loaded"):
            load_features(str(tmp_path / f"bad{suffix}"), CPU, trust=True)
        (tmp_path / f"folder{suffix}").mkdir()
        assert "is a folder" in refuse(str(tmp_path / f"folder{suffix}"))


def test_inception_without_its_package_or_its_weights(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    message = refuse("inception")
    assert 'pip install "i2i[metrics]"' in message
    assert "thumbnail" in message


def test_inception_whose_weights_cannot_be_fetched(monkeypatch):
    """With a stand-in for the package: what it does without a network is to raise this."""
    from types import ModuleType
    from urllib.error import URLError

    import torchmetrics.image.fid  # noqa: F401 - which looks for the package, and would find the stand-in odd

    package, module = ModuleType("torch_fidelity"), ModuleType("torch_fidelity.feature_extractor_inceptionv3")
    module.URL_INCEPTION_V3 = "https://example.org/weights.pth"
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    monkeypatch.setitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", module)

    def fetch(*arguments, **options):
        raise URLError("Name or service not known")

    monkeypatch.setattr("torchmetrics.image.fid.NoTrainInceptionV3", fetch)
    message = refuse("inception", DataError)
    assert "Name or service not known" in message
    assert "fetch https://example.org/weights.pth elsewhere and put it into" in message
