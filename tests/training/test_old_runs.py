"""A run folder, its checkpoint and files exported from it, all made by 0.1.0, stay what they were.

``tests/data/run-0.1.0/run`` is a run of twelve steps as left by one killed in its twelfth: with the checkpoint
of the sixth. ``straight`` holds its result. Another processor rounds differently, so results are compared as close,
not equal.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

import i2i

from ..helpers.images import write_images
from ..helpers.running import losses_of

OLD = Path(__file__).parents[1] / "data" / "run-0.1.0"


@pytest.fixture
def run(tmp_path):
    return Path(shutil.copytree(OLD / "run", tmp_path / "run", symlinks=True))


def test_it_is_resumed_to_the_end_of_the_straight_run(run, tmp_path, one_thread):
    pictures = write_images(tmp_path / "pictures")
    result = i2i.run(pictures, resume=run, workers=0, device="cpu")
    assert (result.step, result.finished) == (12, True)
    ours, theirs = losses_of(run), losses_of(OLD / "straight")
    assert [line["step"] for line in ours] == list(range(1, 13))
    for one, other in zip(ours, theirs, strict=True):
        assert one["losses"] == pytest.approx(other["losses"], rel=1e-3)
    for name in ("G_A", "G_B"):
        resumed = load_file(run / "checkpoints" / "latest" / f"{name}.safetensors")
        straight = load_file(OLD / "straight" / f"{name}.safetensors")
        assert sorted(resumed) == sorted(straight)
        for key, weight in straight.items():
            assert (resumed[key] - weight).abs().max() < 1e-4, "half of what one step of Adam moves"


@pytest.mark.parametrize("model", ["run", "run/checkpoints/step-00000006", "model.onnx", "model.pt2"])
def test_each_translates_as_it_did(model):
    image = np.random.default_rng(0).integers(0, 256, (21, 34, 3), dtype=np.uint8)
    found = i2i.load(OLD / model, device="cpu")(image).astype(int)
    assert np.abs(found - np.asarray(Image.open(OLD / "straight" / "translation.png"))).max() <= 1


def test_it_is_measured_as_it_was(run, tmp_path):
    measured = i2i.evaluate(run, write_images(tmp_path / "pictures"), device="cpu", direction="AtoB")
    assert measured.model["step"] == 6
    assert measured.counts == {"sources": 2, "pairs": 2}
    assert measured.pairs["l1"] == pytest.approx(66.805, abs=0.1), "levels, as 0.1.0 measured"
