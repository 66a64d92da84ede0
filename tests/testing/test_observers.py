"""The check of observers lets good ones pass, and names what a bad one does."""

import pytest
import torch

from i2i.plugins import ObserverSpec, RunObserver
from i2i.plugins.manager import PluginManager
from i2i.testing import check_observer


def spec_of(build):
    return ObserverSpec(name="mine", summary="watches", build=lambda _: build())


@pytest.mark.parametrize("name", ["early-stopping", "tensorboard"])
def test_the_built_in_ones_pass(name):
    check_observer(PluginManager().find("observer", name).spec)


class Drawing(RunObserver):
    def logged(self, step, values):
        torch.rand(1)


class Changing(RunObserver):
    def logged(self, step, values):
        values.clear()


class OnlyOnce(RunObserver):
    def started(self, run):
        (run.folder / "log").mkdir()


class NeedsNumbers(RunObserver):
    def evaluated(self, step, metrics):
        int(metrics["BtoA"]["l1"])


class StopsWithTrue(RunObserver):
    def stop(self):
        return True


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (object, "object has no started, logged"),
        (Drawing, "must leave torch's random numbers alone"),
        (Changing, "logged must change nothing that it is told"),
        (OnlyOnce, "a run that resumes: raised FileExistsError"),
        (NeedsNumbers, "raised ValueError: cannot convert float NaN to integer"),
        (StopsWithTrue, "stop must return a reason or None; got True"),
    ],
)
def test_what_a_bad_one_does_is_named(build, told):
    with pytest.raises(AssertionError) as error:
        check_observer(spec_of(build))

    assert told in str(error.value)
