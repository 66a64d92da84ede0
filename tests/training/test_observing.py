"""Observers hear what happens in the order in which it does; one that fails is named once and hears no more."""

from types import SimpleNamespace

import pytest

import i2i
from i2i.errors import PluginError
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import RunObserver
from i2i.training.observing import Observing, measured_by

from ..helpers.running import options

pytestmark = pytest.mark.usefixtures("no_page")


class Hearing(RunObserver):
    """Keeps what it is told."""

    def __init__(self, asks=None):
        self.heard, self.asks = [], asks

    def logged(self, step, values):
        self.heard.append(("logged", step, dict(values)))

    def pictured(self, step, pictures):
        self.heard.append(("pictured", step, dict(pictures)))

    def ended(self, result):
        self.heard.append(("ended", result.step))

    def stop(self):
        return self.asks


class Failing(RunObserver):
    """Fails at the first line of the log."""

    def logged(self, step, values):
        raise ValueError("no fonts")

    def ended(self, result):
        raise AssertionError("it was not to hear of anything any more")


def test_one_that_fails_is_named_once_and_the_others_hear_on():
    notes, hearing = [], Hearing()
    observing = Observing({"failing": Failing(), "hearing": hearing}, notes.append)
    observing.logged(1, {"loss/G": 1.0})
    observing.logged(2, {"loss/G": 2.0})
    observing.ended(SimpleNamespace(step=2))

    assert hearing.heard == [("logged", 1, {"loss/G": 1.0}), ("logged", 2, {"loss/G": 2.0}), ("ended", 2)]
    (note,) = notes
    assert note.startswith("training continues without observer failing: ")
    assert "raised ValueError: no fonts" in note


def test_sheets_of_the_step_are_shown_by_direction(tmp_path):
    for direction, step in (("AtoB", 3), ("BtoA", 3), ("AtoB", 2)):
        path = tmp_path / direction / f"step-{step:08d}.png"
        path.parent.mkdir(exist_ok=True)
        path.touch()
    hearing = Hearing()
    Observing({"hearing": hearing}, print).pictured(3, tmp_path)

    paths = {direction: tmp_path / direction / "step-00000003.png" for direction in ("AtoB", "BtoA")}
    assert hearing.heard == [("pictured", 3, paths)]


@pytest.mark.parametrize(("asks", "reason"), [(None, None), ("", None), ("enough", "observer hearing: enough")])
def test_the_reason_of_an_end_names_who_asks_for_it(asks, reason):
    assert Observing({"other": Hearing(), "hearing": Hearing(asks)}, print).stop() == reason


def test_without_observers_nothing_is_asked():
    observing = Observing({}, print)
    observing.started(None, None, 0)
    observing.logged(1, {})

    assert observing.stop() is None


NAMELESS = """
import os
from i2i.builtin.datasets import FolderOptions, folder
from i2i.plugins import DatasetSpec, ObserverSpec, RunObserver, hookimpl

class Nameless(folder.FolderDataset):
    names = property(lambda self: [][0], lambda self, names: None)

def build(options, **arguments):
    built = folder.build(options, **arguments)
    built.__class__ = Nameless
    return built

class Watcher(RunObserver):
    def started(self, run):
        print("heard: started")

    def failed(self, step, reason):
        print(f"heard: failed after step {step}: {reason}")

@hookimpl
def i2i_datasets():
    return [DatasetSpec(name="nameless", summary="A folder.", options=FolderOptions, build=build, reads_images=True)]

@hookimpl
def i2i_observers():
    return [ObserverSpec(name="watcher", summary="Listens.", build=lambda options: Watcher())]
"""


def test_an_error_before_the_first_step_is_heard_by_what_was_started(images, tmp_path, install, capsys):
    install("i2i-nameless", NAMELESS)
    with pytest.raises(PluginError, match="asking the data set for its names failed"):
        i2i.run(**options(images, tmp_path / "run", steps=1, observer="watcher", more={"data.name": "nameless"}))

    heard = [line for line in capsys.readouterr().out.splitlines() if line.startswith("heard")]
    assert heard[0] == "heard: started"
    assert heard[1].startswith("heard: failed after step 0: asking the data set for its names failed: data set")


class HeldOutImages(list):
    truth = True


def test_what_is_measured_depends_on_truth_and_ways_back():
    manager, config = PluginManager({}), i2i.resolve("photos", metric="fid")
    images, ways = HeldOutImages([0, 1]), ["AtoB", "BtoA"]
    usual = {"l1": "lower", "psnr": "higher", "ssim": "higher", "fid": "lower"}

    assert measured_by(manager, config, ways[:1], images) == usual
    images.truth = False
    assert measured_by(manager, config, ways, images) == {"fid": "lower", "cycle_l1": "lower"}
    assert measured_by(manager, config, ways, HeldOutImages()) == {}
