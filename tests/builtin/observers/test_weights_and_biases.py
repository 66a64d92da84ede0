"""What Weights & Biases is given; the package itself needs an account or a server."""

import sys
from types import SimpleNamespace

import pytest
from PIL import Image

import i2i
from i2i.errors import ConfigError
from i2i.plugins.protocols import ObservedRun


class Recorded:
    """Stands for the package and for its run."""

    def __init__(self):
        self.calls = []

    def init(self, **settings):
        self.calls.append(("init", settings))
        return self

    def log(self, values, step):
        self.calls.append(("log", step, values))

    def finish(self, exit_code=0):
        self.calls.append(("finish", exit_code))


@pytest.fixture
def wandb(monkeypatch):
    recorded = Recorded()
    monkeypatch.delitem(sys.modules, "i2i.builtin.observers.weights_and_biases", raising=False)
    module = SimpleNamespace(init=recorded.init, Image=lambda picture: (picture.mode, picture.getpixel((0, 0))))
    monkeypatch.setitem(sys.modules, "wandb", module)
    yield recorded
    sys.modules.pop("i2i.builtin.observers.weights_and_biases", None)


def test_a_run_is_logged_from_its_configuration_to_its_end(wandb, tmp_path):
    Image.new("RGBA", (2, 2), (9, 9, 9, 0)).save(tmp_path / "sheet.png")
    observer = i2i.create("observer", "wandb", project="maps")
    observer.started(ObservedRun(tmp_path, {"training": {"seed": 1}}, 0, {}))
    observer.logged(5, {"loss/G": 0.5})
    observer.pictured(5, {"AtoB": tmp_path / "sheet.png"})
    observer.evaluated(5, {"AtoB": {"l1": 3.0}})
    observer.ended(None)

    assert wandb.calls == [
        ("init", {"project": "maps", "config": {"training": {"seed": 1}}, "name": tmp_path.name}),
        ("log", 5, {"loss/G": 0.5}),
        ("log", 5, {"samples/AtoB": ("RGB", (255, 255, 255))}),
        ("log", 5, {"AtoB/l1": 3.0}),
        ("finish", 0),
    ]


def test_a_run_that_failed_is_marked_so(wandb, tmp_path):
    observer = i2i.create("observer", "wandb")
    observer.started(ObservedRun(tmp_path, {}, 0, {}))
    observer.failed(3, "the disk is full")

    assert wandb.calls[-1] == ("finish", 1)


def test_the_package_that_is_missing_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)

    with pytest.raises(ConfigError, match=r'observer wandb needs a package that is not usable.* "i2i\[wandb\]"'):
        i2i.create("observer", "wandb")
