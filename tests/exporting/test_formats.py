"""Which format is taken, and what a plugin's must be to be one."""

import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import i2i
from i2i.errors import ConfigError, ExportError, PluginError
from i2i.exporting.formats import choose_format
from i2i.models.find import exporters
from i2i.plugins.manager import PluginManager

OAK = """
import shutil
from pathlib import Path
from i2i.exporting import standalone
from i2i.plugins import ExporterSpec, Options, hookimpl

class OakOptions(Options):
    rings: int = 3

class Oak:
    runtime = "oak 1.2"
    runner = Path(standalone.__file__).parent / "run_torch.py"

    def __init__(self, rings):
        self.rings = rings

    def require(self):
        pass

    def write(self, traced, path):
        import torch

        {write}

    {reading}

@hookimpl
def i2i_exporters():
    return [ExporterSpec(name="oak", summary="A tree.", suffix="{suffix}", beside=(".leaf",), options=OakOptions,
        build=lambda options: Oak(options.rings))]
"""
WRITE = """
        path.with_suffix(".leaf").write_text(str(self.rings))
        torch.export.save(traced.program, path, extra_files={"i2i.json": traced.record})
"""
READING = """
    def open(self, path, device, *, trust):
        import torch
        from i2i.plugins.exporter_protocol import OpenedFile

        texts = {"i2i.json": ""}
        program = torch.export.load(path, extra_files=texts).module()
        return OpenedFile(program, texts["i2i.json"], torch.device("cpu"))
"""


@pytest.fixture
def oak(tmp_path):
    """A function that gives the plugins with an exporter in a file."""

    def make(write=WRITE, reading="", suffix=".oak", name="oak.py"):
        path = tmp_path / name
        path.write_text(OAK.format(write=write.strip(), reading=reading.strip(), suffix=suffix))
        return PluginManager({}, files=[path])

    return make


def test_the_name_or_the_suffix_says_it(oak):
    manager = oak()
    assert choose_format(manager, None, "oak").spec.suffix == ".oak"
    assert choose_format(manager, Path("a.oak"), None, {"rings": "7"}).exporter.rings == 7
    assert {"oak", "onnx", "torch"} <= {spec.name for spec in exporters(manager)}
    with pytest.raises(ConfigError, match=r"did you mean 'rings'"):
        choose_format(manager, None, "oak", {"ring": 7})


def test_i2is_own_format_keeps_its_suffix_and_two_strangers_are_named(oak):
    manager = oak(suffix=".onnx")
    assert choose_format(manager, Path("a.onnx"), None).spec.name == "onnx"
    assert choose_format(manager, Path("a.onnx"), "oak").spec.name == "oak"
    first, second = oak(), oak(name="elm.py")
    both = PluginManager({}, files=[*first.files, *second.files])
    with pytest.raises(PluginError, match=r"end in \.oak are those of exporter 'oak' of file .* and exporter 'oak' of"):
        choose_format(both, Path("a.oak"), None)


def test_an_object_that_is_no_exporter_is_refused(tmp_path):
    path = tmp_path / "oak.py"
    path.write_text(
        textwrap.dedent("""
            from i2i.plugins import ExporterSpec, hookimpl

            @hookimpl
            def i2i_exporters():
                return [ExporterSpec(name="oak", summary="A tree.", suffix=".oak", build=lambda options: 3)]
        """)
    )
    with pytest.raises(PluginError, match=r"exporter 'oak' of file oak\.py .*int has no require"):
        choose_format(PluginManager({}, files=[path]), None, "oak")


@pytest.mark.slow
def test_a_plugins_format_is_written_compared_and_read_back(run, oak, tmp_path):
    manager = oak(reading=READING)
    out = tmp_path / "model.oak"
    report = i2i.export(run, out, size=(20, 24), set={"exporter.rings": 5}, manager=manager)
    assert (report.format, report.runtime) == ("oak", "oak 1.2")
    assert out.with_suffix(".leaf").read_text() == "5"
    image = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    expected = i2i.load(run, device="cpu")(image).astype(int)
    assert np.abs(i2i.load(out, manager=manager)(image).astype(int) - expected).max() <= 1
    with pytest.raises(ConfigError, match=r"model\.oak exists"):
        i2i.export(run, out, manager=manager)


@pytest.mark.slow
def test_one_that_is_written_only_says_what_runs_it(run, oak, tmp_path):
    manager = oak()
    path = i2i.export(run, tmp_path / "model.oak", size=(20, 24), manager=manager).path
    with pytest.raises(ConfigError, match=r"format oak, which i2i writes and does not read: run it with oak 1\.2"):
        i2i.load(path, manager=manager)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("write", "error", "said"),
    [
        ("1 / 0", ExportError, r"exporter 'oak' of file oak\.py .* cannot write the generator.*ZeroDivisionError"),
        ("path.write_text('x')", PluginError, r"wrote no file that ends in \.leaf"),
        ("path.with_suffix('.leaf').touch(), path.touch()", ExportError, "does not run in a process of its own"),
    ],
)
def test_one_that_fails_leaves_nothing(run, oak, tmp_path, write, error, said):
    manager = oak(write=write)
    before = set(tmp_path.iterdir())
    with pytest.raises(error, match=said):
        i2i.export(run, tmp_path / "model.oak", size=(20, 24), manager=manager)
    assert set(tmp_path.iterdir()) == before
    assert "oak" not in sys.modules
