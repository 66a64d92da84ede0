"""The contract of every metric, and what makes this one MS-SSIM."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from i2i_ms_ssim.plugin import MultiScaleSimilarityOptions, i2i_metrics
from numpy.typing import NDArray

import i2i
from i2i.errors import ConfigError
from i2i.plugins.manager import PluginManager
from i2i.testing import SMALL_RUN, check_metric, write_pairs

(SPEC,) = i2i_metrics()
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def similarity(output: torch.Tensor, truth: torch.Tensor, **options: float) -> list[float]:
    measure = SPEC.build(MultiScaleSimilarityOptions(**options), device=torch.device("cpu"))
    return measure(output, truth).tolist()


def two_images(side: int = 176, channels: int = 1, noise: float = 0.3) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    rows, columns = torch.linspace(0, 9, side)[:, None], torch.linspace(0, 7, side)[None]
    truth = (torch.sin(rows) * torch.cos(columns)).expand(2, channels, side, side)
    return [(truth + noise * torch.randn(truth.shape, generator=random)).clamp(-1, 1), truth.contiguous()]


def blurred(image: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian means, of the places where the window lies inside."""
    rows = np.apply_along_axis(lambda line: np.convolve(line, window, "valid"), 0, image)
    return np.apply_along_axis(lambda line: np.convolve(line, window, "valid"), 1, rows)


def by_the_paper(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """MS-SSIM of two grey images in [0, 1], equation 7, in float64."""
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    result = 1.0
    for scale, weight in enumerate(WEIGHTS):
        mean_x, mean_y = blurred(x, window), blurred(y, window)
        variances = blurred(x * x, window) - mean_x**2 + blurred(y * y, window) - mean_y**2
        structure = (2 * (blurred(x * y, window) - mean_x * mean_y) + 0.03**2) / (variances + 0.03**2)
        if scale == len(WEIGHTS) - 1:
            structure *= (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
            return float(result * structure.mean() ** weight)
        result *= structure.mean() ** weight
        height, width = x.shape
        x, y = (image.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) for image in (x, y))
    raise AssertionError


@pytest.mark.parametrize("options", [{}, {"window": 3}, {"window": 7, "sigma": 0.5}], ids=str)
def test_it_keeps_the_contract_of_a_metric(options: dict[str, float]) -> None:
    check_metric(SPEC, options)


def test_the_installed_package_registers_it() -> None:
    assert PluginManager(environ={}).find("metric", "ms-ssim").plugin.package == "i2i-ms-ssim"


def test_it_is_the_papers_formula() -> None:
    output, truth = two_images()
    expected = [by_the_paper(*((image[n, 0].double().numpy() + 1) / 2 for image in (output, truth))) for n in range(2)]
    assert similarity(output, truth) == pytest.approx(expected, rel=1e-4)


def test_equal_images_are_one_and_more_noise_is_less() -> None:
    truth = two_images()[1]
    values = [similarity(two_images(noise=noise)[0], truth)[0] for noise in (0.0, 0.1, 0.3, 1.0)]
    assert values[0] == pytest.approx(1)
    assert values == sorted(values, reverse=True)


def test_colours_are_measured_alone_and_averaged() -> None:
    output, truth = two_images(channels=3)
    alone = [similarity(output[:, [c]], truth[:, [c]])[0] for c in range(3)]
    assert similarity(output, truth)[0] == pytest.approx(sum(alone) / 3)


@pytest.mark.parametrize(("window", "side"), [(11, 161), (7, 97), (3, 33)])
def test_the_smallest_size_is_what_the_library_takes_at_least(window: int, side: int) -> None:
    assert SPEC.smallest_size(MultiScaleSimilarityOptions(window=window)) == side
    similarity(*two_images(side), window=window)
    with pytest.raises(AssertionError):
        similarity(*two_images(side - 1), window=window)


def test_an_even_window_is_refused_with_those_next_to_it() -> None:
    with pytest.raises(ConfigError, match=r"metrics\.ms-ssim\.window: got 10: must be odd, .* take 9 or 11"):
        i2i.resolve("photos", metric="ms-ssim", set={"metrics.ms-ssim.window": 10})


def test_the_module_that_i2i_loads_imports_no_torch() -> None:
    code = "import sys, i2i_ms_ssim.plugin; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


QUICK = {**SMALL_RUN, "data.mode": "none"}


def test_a_run_is_measured_and_its_best_checkpoint_chosen_by_it(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "data", side=40)
    settings = {**QUICK, "metrics.ms-ssim.window": 3, "training.best": "ms-ssim"}
    result = i2i.run(data, steps=2, out=tmp_path / "run", set=settings)
    values = result.metrics["AtoB"]
    assert 0 <= values["ms-ssim"] <= 1
    assert (result.folder / "checkpoints" / "best").exists()
    assert "MS-SSIM" in result.page.read_text(encoding="utf-8")
    resumed = i2i.run(resume=result.folder, steps=3)
    assert "ms-ssim" in resumed.metrics["AtoB"]
    measured = i2i.evaluate(result.folder, metric="ms-ssim", set={"metrics.ms-ssim.window": 3}, device="cpu")
    assert measured.pairs["ms-ssim"] == pytest.approx(resumed.metrics["AtoB"]["ms-ssim"])
    assert measured.protocol["metrics"]["ms-ssim"]["package"] == "i2i-ms-ssim 0.1.0"


def test_smaller_images_are_refused_before_training(tmp_path: Path) -> None:
    data = write_pairs(tmp_path / "data", side=160)
    with pytest.raises(ConfigError, match="metric ms-ssim needs images of at least 161 pixels a side"):
        i2i.run(data, metric="ms-ssim", steps=1, out=tmp_path / "run", set=QUICK)
    assert not (tmp_path / "run").exists()
