"""The contract of every metric, and what makes this one LPIPS.

The weights of the networks are a download, and those here a stand-in of the same names and shapes.
"""

from __future__ import annotations

import subprocess
import sys
import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch
from i2i_lpips.backbones import TAPS, make_backbone
from i2i_lpips.plugin import LpipsOptions, i2i_metrics
from i2i_lpips.weights import FILES, load_network
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

import i2i
from i2i.errors import ConfigError, PluginError
from i2i.plugins.manager import PluginManager
from i2i.testing import SMALL_RUN, check_metric, write_pairs

(SPEC,) = i2i_metrics()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Random ones, in files as torchvision writes them: with a classifier, which is not used."""
    files = {}
    for network in TAPS:
        torch.manual_seed(0)
        state = {**make_backbone(network).state_dict(), "classifier.6.bias": torch.zeros(1000)}
        files[network] = str(tmp_path_factory.mktemp(network) / FILES[network])
        torch.save(state, files[network])
    return files


def measure(weights: dict[str, str], network: str = "alex") -> Any:
    options = LpipsOptions(network=network, weights=weights[network], other_weights=True)
    return SPEC.build(options, device=torch.device("cpu"))


def two_images(side: int = 48, channels: int = 3) -> list[Tensor]:
    random = torch.Generator().manual_seed(1)
    return [torch.rand(2, channels, side, side + 3, generator=random) * 2 - 1 for _ in range(2)]


def features_of(state: dict[str, Tensor], network: str, image: Tensor) -> list[Tensor]:
    """Layer by layer, by the tables of the two papers."""
    if network == "alex":
        plan = [
            (0, 4, 2),
            "tap",
            "pool3",
            (3, 1, 2),
            "tap",
            "pool3",
            (6, 1, 1),
            "tap",
            (8, 1, 1),
            "tap",
            (10, 1, 1),
            "tap",
        ]
    else:
        blocks = [(0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)]
        plan = [step for block in blocks for step in ["pool2", *((place, 1, 1) for place in block), "tap"]][1:]
    tapped = []
    for step in plan:
        if step == "tap":
            tapped.append(image)
        elif isinstance(step, str):
            image = F.max_pool2d(image, int(step[-1]), 2)
        else:
            place, stride, padding = step
            weight, bias = state[f"features.{place}.weight"], state[f"features.{place}.bias"]
            image = F.conv2d(image, weight, bias, stride=stride, padding=padding).relu()
    return tapped


def by_the_paper(network: str, file: str, first: Tensor, second: Tensor) -> float:
    """Equation 1 for one image, in float64."""
    state = {name: value.double() for name, value in torch.load(file).items()}
    heads = [head.double() for head in load_network(network, file, other=True)[1]]
    shift, scale = (torch.tensor(v).double()[:, None, None] for v in ((-0.03, -0.088, -0.188), (0.458, 0.448, 0.45)))
    pairs = zip(
        *(features_of(state, network, (each.double() - shift) / scale) for each in (first, second)), strict=True
    )
    total = 0.0
    for head, (one, other) in zip(heads, pairs, strict=True):
        one, other = one / one.norm(dim=0), other / other.norm(dim=0)
        weighted = head.sqrt()[:, None, None] * (one - other)
        total += weighted.square().sum(dim=0).mean().item()
    return total


@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_it_keeps_the_contract_of_a_metric(weights: dict[str, str], network: str) -> None:
    check_metric(SPEC, {"network": network, "weights": weights[network], "other_weights": True})


def test_the_installed_package_registers_it() -> None:
    assert PluginManager(environ={}).find("metric", "lpips").plugin.package == "i2i-lpips"


def test_the_module_that_i2i_loads_imports_no_torch() -> None:
    code = "import sys, i2i_lpips.plugin; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("network", ["alex", "vgg"])
def test_it_is_the_papers_formula(weights: dict[str, str], network: str) -> None:
    output, truth = two_images()
    expected = [by_the_paper(network, weights[network], output[n], truth[n]) for n in range(2)]
    assert measure(weights, network)(output, truth).tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("network", "count"), [("alex", 1152), ("vgg", 1472)])
def test_the_heads_weigh_every_channel_and_none_below_zero(weights: dict[str, str], network: str, count: int) -> None:
    backbone, heads = load_network(network, weights[network], other=True)
    assert [len(head) for head in heads] == [each.shape[1] for each in backbone(torch.zeros(1, 3, 48, 48))]
    assert sum(map(len, heads)) == count
    assert min(head.min() for head in heads) >= 0


def test_equal_images_are_0_and_nearer_ones_nearer(weights: dict[str, str]) -> None:
    noise, truth = two_images()
    distances = [measure(weights)(truth.lerp(noise, share), truth)[0].item() for share in (0.0, 0.1, 0.5, 1.0)]
    assert distances[0] == 0
    assert distances == sorted(distances)


def test_grey_images_are_three_equal_channels(weights: dict[str, str]) -> None:
    grey = two_images(channels=1)
    colours = [image.expand(-1, 3, -1, -1) for image in grey]
    assert torch.equal(measure(weights)(*grey), measure(weights)(*colours))
    with pytest.raises(ValueError, match="1 or 3 channels; got 4"):
        measure(weights)(*two_images(channels=4))


@pytest.mark.parametrize(("network", "side"), [("alex", 31), ("vgg", 16)])
def test_the_smallest_size_is_what_the_network_takes_at_least(weights: dict[str, str], network: str, side: int) -> None:
    assert SPEC.smallest_size(LpipsOptions(network=network)) == side
    square = torch.zeros(1, 3, side, side)
    assert measure(weights, network)(square, square).tolist() == [0]
    with pytest.raises(RuntimeError):
        measure(weights, network)(square[:, :, 1:], square[:, :, 1:])


# -- weights ----------------------------------------------------------------------------------------------------------


def test_weights_that_are_not_torchvisions_are_refused_unless_asked_for(weights: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"SHA-256 begins with 7be5be79; .*metrics\.lpips\.other_weights=true"):
        load_network("alex", weights["alex"])


def test_weights_of_another_network_are_refused(weights: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="must hold the weights of network vgg"):
        load_network("vgg", weights["alex"], other=True)


@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_what_is_no_file_of_weights_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_network("alex", str(tmp_path / name), other=True)
    (tmp_path / name).write_bytes(b"not weights")
    with pytest.raises(ConfigError, match="is not a file of weights"):
        load_network("alex", str(tmp_path / name), other=True)


def test_safetensors_will_do(weights: dict[str, str], tmp_path: Path) -> None:
    save_file(torch.load(weights["alex"]), tmp_path / "alex.safetensors")
    first, second = (
        load_network("alex", str(file), other=True)[0].state_dict()
        for file in (weights["alex"], tmp_path / "alex.safetensors")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_without_a_file_pytorchs_cache_is_looked_into(
    weights: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached = tmp_path / "hub" / "checkpoints" / FILES["alex"]
    cached.parent.mkdir(parents=True)
    cached.write_bytes(Path(weights["alex"]).read_bytes())
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    load_network("alex", None)


def test_without_internet_it_says_which_file_to_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", fail)
    with pytest.raises(
        ConfigError, match=r"alexnet-owt-7be5be79\.pth could not be downloaded: .*no route.*weights=FILE"
    ):
        load_network("alex", None)
    told = capsys.readouterr()
    assert (told.out, FILES["alex"] in told.err) == ("", True), "standard output is for --json"


# -- runs -------------------------------------------------------------------------------------------------------------

QUICK = {**SMALL_RUN, "data.mode": "none"}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pairs(tmp_path_factory.mktemp("data"))


def test_a_run_is_measured_and_its_best_checkpoint_chosen_by_it_and_resumes_from_any_folder(
    pairs: Path, weights: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"metrics.lpips.weights": FILES["alex"], "metrics.lpips.other_weights": True}
    monkeypatch.chdir(Path(weights["alex"]).parent)
    settings = {**QUICK, **own, "training.best": "lpips"}
    result = i2i.run(pairs, steps=1, out=tmp_path / "run", set=settings)
    assert result.metrics["AtoB"]["lpips"] > 0
    assert (result.folder / "checkpoints" / "best").exists()
    assert "LPIPS" in result.page.read_text(encoding="utf-8")
    measured = i2i.evaluate(result.folder, metric="lpips", set=own, device="cpu")
    assert measured.pairs["lpips"] == pytest.approx(result.metrics["AtoB"]["lpips"])
    assert measured.protocol["metrics"]["lpips"]["package"] == "i2i-lpips 0.1.0"
    monkeypatch.chdir(tmp_path)
    assert "lpips" in i2i.run(resume=result.folder, steps=2).metrics["AtoB"]


def test_weights_that_are_missing_end_a_run_before_training(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {**QUICK, "metrics.lpips.weights": str(tmp_path / "none.pth")}
    with pytest.raises((ConfigError, PluginError), match="cannot be read: No such file"):
        i2i.run(pairs, metric="lpips", steps=1, out=tmp_path / "run", set=more)
    assert not (tmp_path / "run").exists()
