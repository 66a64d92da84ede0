"""Trackers get the configuration once and sheets as they are drawn; without trackers nothing is asked of them."""

from types import SimpleNamespace

import numpy as np
import pytest
from accelerate import Accelerator
from PIL import Image

from i2i.api import resolve
from i2i.errors import ConfigError
from i2i.training import trackers
from i2i.training.trackers import start_trackers, track_sheets


class Recorder:
    """A tracker that is not TensorBoard."""

    name = "wandb"

    def __init__(self):
        self.images = []

    def log_images(self, values, step):
        self.images.append((values, step))


@pytest.fixture
def folder(tmp_path):
    return SimpleNamespace(path=tmp_path, samples=tmp_path / "samples")


def test_without_trackers_none_is_started(folder):
    accelerator = Accelerator(cpu=True)

    assert start_trackers(accelerator, resolve(), folder, 0) is False
    track_sheets(accelerator, folder, 0)


def test_a_package_that_is_missing_is_named_with_the_way_on(folder, monkeypatch):
    monkeypatch.setattr(trackers, "problem_of", lambda package: "it is not installed")
    config = resolve(tracker="tensorboard")

    with pytest.raises(ConfigError, match=r"--tracker tensorboard: expected an installed package, and it is not inst"):
        start_trackers(Accelerator(cpu=True), config, folder, 0)


def test_sheets_of_the_step_are_shown_by_direction_on_white(folder):
    for direction, step in (("AtoB", 3), ("BtoA", 3), ("AtoB", 2)):
        path = folder.samples / direction / f"step-{step:08d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGBA", (4, 2), (255, 0, 0, 0)).save(path)
    recorder = Recorder()

    track_sheets(SimpleNamespace(trackers=[recorder]), folder, 3)

    assert [(list(values), step) for values, step in recorder.images] == [
        (["samples/AtoB"], 3),
        (["samples/BtoA"], 3),
    ]
    ((sheet,),) = recorder.images[0][0].values()
    assert (sheet.mode, np.asarray(sheet).min()) == ("RGB", 255), "what is transparent is white"
