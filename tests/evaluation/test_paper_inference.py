"""Inference as the papers' code does it, with dropout and batch statistics, means the same everywhere, in numbers."""

import threading

import numpy as np
import pytest
import torch
from PIL import Image

import i2i
from i2i.evaluation.baselines import read_baselines
from i2i.evaluation.sheets import READABLE_SIZE, SHEET_GAP
from i2i.models.checkpoint import CheckpointFolder
from i2i.plugins.specs import Direction
from i2i.tensors.pixels import to_uint8

from ..helpers.images import write_images
from ..helpers.metrics import pair_metrics
from ..helpers.running import UNPAIRED, run_here

SIZE, STEPS, NAMES = 16, 2, ("0", "1", "2")
PAPER = {
    **UNPAIRED,
    "generator.norm": "batch",
    "generator.dropout": True,
    "training.inference": "paper",
    "training.checkpoint_every": 1,
    "training.evaluation_images": len(NAMES),
    "training.sample_images": len(NAMES),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("data") / "pictures", train=(4, 4), test=(3, 3), size=SIZE)


@pytest.fixture(scope="module")
def result(data, tmp_path_factory):
    """A CycleGAN whose held-out images have true translations both ways."""
    return run_here(data, tmp_path_factory.mktemp("paper") / "run", settings=PAPER, steps=STEPS)


def read(data, domain, name):
    with Image.open(data / f"test{domain}" / f"{name}.png") as image:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 127.5 - 1


def translations(result, data, direction):
    """What a person gets who translates the held-out images one by one, and its metrics."""
    translator, outputs = i2i.load(result.folder, direction=direction, device="cpu"), []
    metrics = pair_metrics(read_baselines(result.folder)[Direction(direction)])
    for name in NAMES:
        given, truth = (read(data, domain, name) for domain in (direction[0], direction[-1]))
        outputs.append(translator(given))
        metrics.update(outputs[-1], truth, given)
    return torch.cat(outputs), metrics.compute()


def output_column(sheet):
    """The second column of a sheet, ``[N, 3, H, W]``, back at the size of the images."""
    factor, cell = READABLE_SIZE // SIZE, READABLE_SIZE
    with Image.open(sheet) as image:
        pixels = torch.from_numpy(np.array(image))[:, cell + SHEET_GAP : 2 * cell + SHEET_GAP, :3]
    tops = [row * (cell + SHEET_GAP) for row in range(len(NAMES))]
    return torch.stack([pixels[top : top + cell : factor, ::factor].permute(2, 0, 1) for top in tops])


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_sheets_metrics_evaluate_and_translate_agree(result, data, tmp_path, direction):
    outputs, expected = translations(result, data, direction)

    held_out = result.metrics[direction]
    assert {name: held_out[name] for name in expected} == expected

    sheet = result.folder / "samples" / direction / f"step-{STEPS:08d}.png"
    assert torch.equal(output_column(sheet), to_uint8(outputs))

    for batch_size in (1, 2):
        pairs = i2i.evaluate(result.folder, direction=direction, device="cpu", batch_size=batch_size).pairs
        assert {name: pairs[name] for name in expected} == expected

    folder = data / f"test{direction[0]}"
    for outcome in i2i.translate(result.folder, [folder], tmp_path / "out", direction=direction, device="cpu"):
        with Image.open(outcome.target) as image:
            written = torch.from_numpy(np.array(image)).permute(2, 0, 1)
        assert torch.equal(written, to_uint8(outputs)[NAMES.index(outcome.source.stem)])

    plain = i2i.evaluate(result.folder, direction=direction, device="cpu", inference="deterministic").pairs
    assert plain["l1"] != expected["l1"], "there is something to agree on"


def test_best_is_the_one_that_evaluate_finds_best(result):
    checkpoints = CheckpointFolder(result.folder / "checkpoints", keep=STEPS)
    scores = {}
    for step in range(1, STEPS + 1):
        chosen = {"checkpoint": f"step-{step}", "device": "cpu"}
        ways = [i2i.evaluate(result.folder, direction=way, **chosen).pairs["l1"] for way in ("AtoB", "BtoA")]
        scores[step] = sum(ways) / 2
    assert {checkpoint.step: checkpoint.score for checkpoint in checkpoints.all()} == scores
    best = checkpoints.best()
    assert best is not None
    assert best.step == min(scores, key=lambda step: scores[step])


def test_torchs_random_state_is_the_callers_own(result):
    """Another thread draws meanwhile: the numbers that it would have had alone."""
    i2i.evaluate(result.folder, device="cpu")  # what is imported at first may draw what it likes
    torch.manual_seed(3)
    alone = torch.rand(300)

    torch.manual_seed(3)
    drawn, found, begin = [], [], threading.Barrier(3)

    def draw():
        begin.wait()
        drawn.extend(torch.rand(1) for _ in range(300))

    def evaluate():
        begin.wait()
        found.append(i2i.evaluate(result.folder, device="cpu").pairs)

    threads = [threading.Thread(target=work) for work in (draw, evaluate, evaluate)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(torch.cat(drawn), alone)
    assert found[0] == found[1] == {key: value for key, value in result.metrics["AtoB"].items() if key != "cycle_l1"}

    before = torch.get_rng_state()
    i2i.evaluate(result.folder, device="cpu", metrics="all", features="thumbnail")
    assert torch.equal(torch.get_rng_state(), before)
