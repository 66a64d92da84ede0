"""The check of exporters lets good ones pass, and names what a bad one does."""

from pathlib import Path

import pytest

from i2i.errors import ConfigError
from i2i.exporting import standalone
from i2i.plugins import ExporterSpec
from i2i.plugins.manager import PluginManager
from i2i.testing import check_component, check_exporter

from ..helpers.fixtures import exporters_imported, quick_exports

__all__ = ["exporters_imported", "quick_exports"]


class Oak:
    """An exporter that writes nothing of use."""

    runtime = "oak 1.2"
    runner = Path(standalone.__file__).parent / "run_torch.py"

    def require(self):
        pass

    def write(self, traced, path):
        path.write_bytes(b"acorns")


class Lacking(Oak):
    def require(self):
        raise ConfigError("oak is not installed")


class Astray(Oak):
    runner = Path("no/such/runner.py")


def spec_of(build):
    return ExporterSpec(name="oak", summary="A tree.", suffix=".oak", build=lambda _: build())


@pytest.mark.slow
@pytest.mark.usefixtures("exporters_imported")
def test_a_built_in_one_passes():
    check_exporter(PluginManager({}).find("exporter", "torch").spec)


def test_without_a_time_or_a_package_nothing_is_exported():
    results = {result.name: result for result in check_component(spec_of(Oak))}
    assert [result.ok for result in results.values()] == [True] * 4
    lacking = {result.name: result for result in check_component(spec_of(Lacking), export_seconds=60)}
    assert lacking["packages"].message == "nothing is exported: oak is not installed"
    assert not any("images" in name for name in lacking)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: 3, "builds an exporter: build must return an exporter; int has no require, write, runner, runtime"),
        (Astray, "builds an exporter: runner must be a Python file that is there; got no/such/runner.py"),
        pytest.param(
            Oak, "images of any size: the exported file does not run in a process of its own", marks=pytest.mark.slow
        ),
    ],
)
def test_a_broken_promise_is_named(build, said):
    with pytest.raises(AssertionError, match=said):
        check_exporter(spec_of(build))
