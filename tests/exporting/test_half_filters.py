"""Filters of float16 stay half as large in an exported file."""

import numpy as np
import pytest

import i2i

from ..helpers.trained import write_run

# Of the exporter itself, when it copies a program.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")


@pytest.mark.parametrize("suffix", ["onnx", "pt2"])
def test_half_filters_stay_half_as_large(tmp_path, suffix):
    folder, _ = write_run(tmp_path / "run", base_channels=16)
    i2i.convert(folder, tmp_path / "half", half=True)
    size = {"size": (21, 34), "batch": 1}  # which is traced in half the time
    whole = i2i.export(folder, tmp_path / f"whole.{suffix}", **size)
    half = i2i.export(tmp_path / "half", tmp_path / f"half.{suffix}", **size)
    weights = sum(p.numel() for p in i2i.create("generator", "resnet", blocks=1, base_channels=16).parameters())
    assert whole.size - half.size > 1.6 * weights
    image = np.random.default_rng(0).integers(0, 256, (21, 34, 3), dtype=np.uint8)
    expected = i2i.load(tmp_path / "half", device="cpu")(image).astype(int)
    assert np.abs(i2i.load(half.path)(image).astype(int) - expected).max() <= 1
