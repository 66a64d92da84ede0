"""What is missing is named with the command that installs it. Broken packages are tested with the commands."""

import sys

import pytest

from i2i.environment import packages
from i2i.errors import ConfigError


def test_what_to_install_goes_into_the_python_that_runs():
    assert packages.pip_install("torch") == f"{sys.executable} -m pip install torch"
    assert packages.pip_install("i2i[video]") == f'{sys.executable} -m pip install "i2i[video]"'


@pytest.fixture
def without_onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)


@pytest.mark.usefixtures("without_onnx")
def test_a_missing_package_is_named_with_the_extra_that_brings_it():
    with pytest.raises(ConfigError, match="exporting needs a package that is not usable: onnx") as raised:
        packages.require("exporting", "onnx", "json")

    assert packages.pip_install("i2i[export]") in str(raised.value)


def test_extras_name_what_is_not_required_anyway():
    assert packages.optional()["av"] == "video"
    assert not set(packages.optional()) & set(packages.required())
