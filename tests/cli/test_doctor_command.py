"""``i2i doctor``: facts, and an exit code that says whether the tool can work."""

import importlib
import json
import re
from importlib.metadata import requires

import pytest
from click.testing import CliRunner

from i2i import diagnosis
from i2i._version import __version__
from i2i.cli.main import main
from i2i.environment import packages
from i2i.errors import NativeError
from i2i.ops.native import cpu


def test_report_says_that_the_tool_can_work():
    result = CliRunner().invoke(main, ["doctor"])

    assert result.exit_code == 0, result.output
    for expected in (
        f"i2i            {__version__}",
        "torch",
        "cpu",
        f"kernels        {cpu.load()}",
        "builtin",
        "free disk",
    ):
        assert expected in result.stdout
    assert result.stdout.splitlines()[-1] == "i2i can work."


def test_each_place_where_kernels_could_have_come_from_has_its_one_reason(monkeypatch):
    reasons = {"installed": "the installation built none", "cache": "there is no C++ compiler; install one"}
    monkeypatch.setattr(cpu, "load", lambda: cpu.CpuKernels("reference", reasons=reasons))

    shown = CliRunner().invoke(main, ["doctor"])
    facts = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).stdout)

    assert shown.exit_code == 0
    assert "kernels        none: every operation runs on PyTorch's own operators" in shown.stdout
    assert "not from the installation: the installation built none\n" in shown.stdout
    assert "not compiled at first use: there is no C++ compiler; install one\n" in shown.stdout
    assert facts["kernels_missing"] == reasons


def test_kernels_that_are_required_and_missing_are_a_problem(monkeypatch):
    def missing():
        raise NativeError("I2I_BUILD=required, but the native kernels cannot be had")

    monkeypatch.setattr(cpu, "load", missing)
    result = CliRunner().invoke(main, ["doctor"])

    assert result.exit_code == 1
    assert "Problem: I2I_BUILD=required, but the native kernels cannot be had\n" in result.stdout


def test_facts_as_json():
    facts = json.loads(CliRunner().invoke(main, ["doctor", "--json"]).stdout)

    assert facts["works"] is True
    assert facts["problems"] == []
    assert facts["versions"]["i2i"] == __version__
    assert facts["default_device"] == facts["devices"][0]["name"]
    assert facts["default_precision"] == "fp32"
    assert facts["threads"] >= 1
    assert facts["free_bytes"] > 0
    assert facts["components"]["generator"] >= 1


def failing_import(monkeypatch, module, error):
    """Have one module fail to be imported."""
    real = importlib.import_module

    def importing(name, *arguments):
        if name == module:
            raise error
        return real(name, *arguments)

    monkeypatch.setattr(importlib, "import_module", importing)


def test_missing_torch_is_a_problem_with_a_remedy(monkeypatch):
    failing_import(monkeypatch, "torch", OSError("libtorch_cpu.so: cannot open shared object file"))
    result = CliRunner().invoke(main, ["doctor"])

    assert result.exit_code == 1
    assert "Problem: torch cannot be imported (OSError: libtorch_cpu.so" in result.stdout
    assert "pip install torch" in result.stdout
    assert result.stdout.splitlines()[-1] == "i2i cannot work."


def test_broken_plugin_is_a_note_and_no_problem(install):
    install("i2i-broken", "raise RuntimeError('no licence found')")
    result = CliRunner().invoke(main, ["doctor"])

    assert result.exit_code == 0
    assert "i2i-broken 1.2, failed: RuntimeError: no licence found" in result.stdout
    assert "I2I_DISABLE_PLUGINS=broken" in result.stdout


@pytest.mark.parametrize(("free", "noted"), [(1 << 20, True), (1 << 40, False)])
def test_little_disk_space_is_noted(monkeypatch, tmp_path, free, noted):
    class Usage:
        pass

    usage = Usage()
    usage.free = free
    monkeypatch.setattr(diagnosis.shutil, "disk_usage", lambda _: usage)
    found = diagnosis.examine(diagnosis.PluginManager(), tmp_path)

    assert any("GiB is free" in remark for remark in found.remarks) is noted
    assert found.works


def test_everything_that_is_required_is_looked_at():
    required = {re.split(r"[^\w-]", line)[0].lower() for line in requires("i2i") if "extra ==" not in line}
    looked_at = {*map(packages.distribution, packages.TRAINING), *diagnosis.NOT_IMPORTED}

    assert required - {"click", "pluggy"} <= looked_at  # without these two there is no doctor to ask


def test_a_torchvision_that_does_not_fit_is_named_and_no_reinstall_of_torchmetrics(monkeypatch):
    failing_import(
        monkeypatch, "torchmetrics.functional.image", RuntimeError("operator torchvision::nms does not exist")
    )
    shown = CliRunner().invoke(main, ["doctor"]).stdout
    assert "torchvision and torch do not fit together: install the torchvision made for this torch, or none" in shown
    assert "pip install torchmetrics" not in shown
