"""``i2i.doctor`` and ``i2i.bench``, as a program calls them."""

from __future__ import annotations

import json

import pytest

import i2i
from i2i.benchmarking import cases
from i2i.errors import ConfigError
from i2i.plugins.manager import PluginManager

from ..benchmarking import small


def test_doctor_takes_the_plugins_that_a_caller_has(capfd):
    manager = PluginManager({"I2I_DISABLE_PLUGINS": "no-such-plugin"})

    diagnosis = i2i.doctor(manager=manager)

    assert diagnosis.works
    assert any("no-such-plugin" in remark for remark in diagnosis.remarks)
    assert json.dumps(diagnosis.to_dict())
    assert capfd.readouterr() == ("", "")


def test_bench_is_silent_and_returns_and_writes_what_it_found(monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(cases, "CASES", (small.MEMORY, small.ACT))
    told = []

    report = i2i.bench(case="small-memory", threads=1, report=tmp_path / "bench.json", tell=told.append)

    assert capfd.readouterr() == ("", "")
    assert [case.name for case in report.memory] == ["small-memory"]
    assert json.loads((tmp_path / "bench.json").read_text()) == report.to_dict()
    assert told[0].startswith("[1/1] small-memory: ")
    with pytest.raises(ConfigError, match="exists; name another file, or replace it with --force"):
        i2i.bench(report=tmp_path / "bench.json")
