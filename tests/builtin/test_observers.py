"""What the built-in observers are called, and that none is built before it is asked for."""

import subprocess
import sys

import pytest

from i2i.builtin import observers
from i2i.plugins.manager import PluginManager


def test_each_is_found_by_its_name():
    components = PluginManager({}).components("observer")
    found = [component.spec for component in components if component.plugin.package == "i2i"]

    assert [spec.name for spec in found] == ["early-stopping", "tensorboard", "wandb"]
    assert {id(spec) for spec in found} == {id(spec) for spec in observers.SPECS}


def test_the_list_imports_neither_torch_nor_a_tracker():
    code = "import sys, i2i.builtin.observers; print({'torch', 'tensorboard', 'wandb'} & sys.modules.keys())"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize("wrong", [{"patience": 0}, {"better": "larger"}, {"least_gain": -1}])
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        observers.EarlyStoppingOptions(**wrong)
