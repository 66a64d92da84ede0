"""Fixtures that the tests of several rooms share; their ``conftest.py`` imports what they use."""

import contextlib
import functools
import sys
import textwrap

import pytest

from .forking import PYTORCH, run_forked
from .images import write_images
from .once import made_once


@contextlib.contextmanager
def small_exports():
    """Exports compare a small flat page: a large one takes 16 seconds, and is asked for where it is what is tested. And
    for ONNX they read the operators once."""
    from i2i.builtin.exporters.onnx_format import OnnxFormat

    def write(self, traced, path):
        read_onnx_operators_once()
        traced.write_onnx(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("i2i.exporting.comparison.PAGE_SIDES", (256,))
        patch.setattr(OnnxFormat, "write", write)
        yield patch


@contextlib.contextmanager
def exporting_quickly():
    """Small exports, whose check forks the process that runs a program of PyTorch."""
    from i2i.exporting.comparison import run_program

    def run(command, patience):
        if command[1].endswith("run_torch.py"):
            return run_forked(command[1:], modules=PYTORCH, timeout=patience)
        return run_program(command, patience)

    with small_exports() as patch:
        patch.setattr("i2i.exporting.comparison.run_program", run)
        yield


@functools.cache
def read_onnx_operators_once():
    """In each export to ONNX torch reads the sources of five hundred functions, which takes longer than a small network
    does: in this process it remembers them from here on."""
    with contextlib.suppress(ImportError):  # of another release than 2.13
        from torch.onnx._internal.exporter._registration import ONNXRegistry

        ONNXRegistry.from_torchlib = staticmethod(functools.cache(ONNXRegistry.from_torchlib))


@pytest.fixture(scope="module", autouse=True)
def quick_exports():
    """See :func:`exporting_quickly`; for the tests of a whole module."""
    with exporting_quickly():
        yield


@pytest.fixture(scope="session")
def exporters_imported():
    """What torch's exporters import and remember, in this process: exports with a time limit are made in copies of it,
    each of which would begin with that, and it takes longer than they do."""
    import io

    import torch

    from i2i.environment.quiet import exporting_quietly

    read_onnx_operators_once()
    sizes = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    example = torch.zeros(2, 3, 5, 7)
    with exporting_quietly():
        program = torch.export.export(torch.nn.Conv2d(3, 3, 3), (example,), dynamic_shapes=(sizes,), strict=False)
        torch.export.save(program, io.BytesIO())
        torch.onnx.export(program, (), dynamo=True, verbose=False)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """``install(package, source)`` lays a distribution of one module down as pip would, in ``site-packages`` of the
    test's folder, and returns the name of the module."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    modules = []

    def install(package, source, *, version="1.2", entry_points=None, metadata=True):
        module = package.replace("-", "_")
        modules.append(module)
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        information = site / f"{module}-{version}.dist-info"
        information.mkdir()
        if metadata:
            (information / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
                "Requires-Dist: pydantic\nRequires-Dist: torch\n"
            )
        entry_points = entry_points or f"{package.removeprefix('i2i-')} = {module}"
        (information / "entry_points.txt").write_text(f"[i2i]\n{entry_points}\n")
        (information / "RECORD").write_text("")
        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.syspath_prepend(site)  # once more, so that the import system looks at the folder again
        return module

    yield install
    for module in modules:
        sys.modules.pop(module, None)


@pytest.fixture
def one_thread():
    """Sums in one order, as in the runs of ``running.Child``."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def no_page(monkeypatch):
    """Runs without their page, which is tested elsewhere."""
    from i2i.training.launch import Launch

    from .running import write_no_page

    monkeypatch.setattr(Launch, "write_page", staticmethod(write_no_page))


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """A folder of 8 + 7 training and 2 + 2 held-out images of 16 x 16 pixels."""
    return write_images(tmp_path_factory.mktemp("images") / "pictures")


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """A folder of 6 training and 2 held-out pairs of 64 x 64 pixels."""
    return write_images(tmp_path_factory.mktemp("images") / "pairs", train=(6, 6), size=64)


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """A run folder with a generator each way, and by name the reports of three files exported from it: for 8-bit images
    in both formats, and for floats the way back. Each was checked in a process of its own."""
    return made_once(tmp_path_factory, "exported", _export)


def _export(folder):
    import i2i

    from .trained import write_run

    run, _ = write_run(folder / "my run", directions=("AtoB", "BtoA"))
    with exporting_quickly():
        reports = {name: i2i.export(run, folder / name) for name in ("images.onnx", "images.pt2")}
        reports["raw.onnx"] = i2i.export(run, folder / "raw.onnx", raw=True, direction="BtoA")
    return run, reports
