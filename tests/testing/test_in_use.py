"""What only a run shows: a component that keeps the contract of its kind, and cannot be saved, resumed or measured."""

import pytest

from i2i.plugins.manager import PluginManager
from i2i.testing.component import check_component

from ..helpers.fixtures import one_thread

__all__ = ["one_thread"]

GOOD = """
from i2i.plugins import *
from i2i.plugins.specs import *
import torch

class Network(torch.nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.layer = torch.nn.Conv2d(in_channels, out_channels, 3, padding=1)

    def forward(self, images):
        return self.layer(images).tanh()

def build_generator(options, *, in_channels, out_channels):
    return Network(in_channels, out_channels)

class Distance:
    def __call__(self, image, target):
        return (image.float() - target.float()).abs().mean()

def build_loss(options):
    return Distance()

def build_metric(options, *, device):
    return lambda output, truth: (output - truth).abs().mean((1, 2, 3))

class Watcher(RunObserver):
    pass
"""
HOOKS = """
@hookimpl
def i2i_generators():
    return [GeneratorSpec(name="oak", summary="A tree.", build=build_generator)]

@hookimpl
def i2i_losses():
    return [LossSpec(name="oak", family="pixel", summary="A tree.", build=build_loss)]

@hookimpl
def i2i_metrics():
    return [MetricSpec(name="oak", family="pairs", better="lower", summary="A tree.", build=build_metric)]

@hookimpl
def i2i_observers():
    return [ObserverSpec(name="oak", summary="A tree.", build=lambda options: Watcher())]
"""
UNCOPIED = """
Network.__deepcopy__ = lambda self, memo: [][0]
"""
FORGETFUL = """
class Distance:
    calls = 0

    def __call__(self, image, target):
        self.calls += 1
        return (image.float() - target.float()).abs().mean() * (1 + self.calls / 100)
"""
DEAF = """
class Watcher(RunObserver):
    def started(self, run):
        run.config["generator"]["layers"]
"""


@pytest.fixture
def results(tmp_path, one_thread):
    def results(kind, broken=""):
        file = tmp_path / "oak.py"
        file.write_text(GOOD + broken + HOOKS)
        manager = PluginManager({}, files=[file])
        return {each.name: each for each in check_component(manager.find(kind, "oak"), manager=manager)}

    return results


USES = ["a run", "a resumed run", "translate", "evaluate"]


def test_a_good_component_is_trained_with_resumed_and_used(results):
    found = results("metric")

    assert [name for name, each in found.items() if not each.ok] == []
    assert list(found)[-4:] == USES


def test_a_data_set_is_trained_on_its_own_example(one_thread):
    manager = PluginManager({})
    found = check_component(manager.find("dataset", "folder"), {"image_size": 32}, manager=manager)

    assert [(each.name, each.ok, each.message) for each in found][-4:] == [(name, True, "") for name in USES]


@pytest.mark.parametrize(
    ("kind", "broken", "check", "told"),
    [
        ("generator", UNCOPIED, "a run", "raised IndexError"),
        ("loss", FORGETFUL, "a resumed run", "what the component keeps between two steps must be in its state"),
    ],
)
def test_what_only_a_run_shows_is_found(results, kind, broken, check, told):
    (failed,) = [each for each in results(kind, broken).values() if not each.ok]

    assert failed.name == check
    assert told in failed.message


def test_a_component_that_breaks_its_contract_is_not_used(results):
    assert not set(USES) & set(results("observer", DEAF))
