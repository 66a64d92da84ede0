"""The check of readers lets good ones pass, and names what a bad one does."""

import importlib.util

import numpy as np
import pytest

from i2i.plugins import ImageHeader, ReaderSpec, ReadImage
from i2i.plugins.manager import PluginManager
from i2i.testing import check_reader

from ..helpers.netpbm import SOURCE


@pytest.fixture(scope="module")
def netpbm(tmp_path_factory):
    path = tmp_path_factory.mktemp("netpbm") / "netpbm.py"
    path.write_text(SOURCE)
    loader = importlib.util.spec_from_file_location("netpbm", path)
    module = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(module)
    module.__dict__["NetpbmReader"].__module__ = __name__  # so that it is pickled
    globals()["NetpbmReader"] = module.NetpbmReader
    return module.NetpbmReader


@pytest.mark.parametrize("name", ["png", "jpeg", "webp", "bmp", "tiff"])
def test_the_built_in_ones_pass(name):
    check_reader(PluginManager({}).find("reader", name).spec)


def spec_of(build, **more):
    return ReaderSpec(**{"name": "mine", "summary": "reads", "suffixes": (".ppm",), "build": lambda _: build(), **more})


def test_a_good_one_passes(netpbm):
    check_reader(spec_of(netpbm, begins=lambda begin: begin[:2] in (b"P5", b"P6")))


def test_one_that_does_not_write_is_checked_on_a_file(netpbm, tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P5\n2 3\n255\n" + bytes(6))
    reads_only = type("ReadsOnly", (netpbm,), {"holds": lambda *_: False, "__reduce__": lambda _: (netpbm, ())})
    with pytest.raises(AssertionError, match="name a file that it reads"):
        check_reader(spec_of(reads_only))
    check_reader(spec_of(reads_only), root=tmp_path / "a.ppm")


def changed(netpbm, **members):
    return type("Changed", (netpbm,), {"__reduce__": lambda _: (netpbm, ()), **members})


@pytest.mark.parametrize(
    ("members", "more", "told"),
    [
        ({"write": None}, {}, "has no write"),
        ({"holds": lambda _, channels, kind: channels in (1, 3)}, {}, "raised ValueError: cannot reshape"),
        ({"header": lambda *_: ImageHeader(1, 1, 1, "uint8")}, {}, r"header says \(1, 1, 1\)"),
        ({"read": lambda *_, **__: np.zeros((1, 1, 1))}, {}, "read must return a ReadImage; got ndarray"),
        ({"read": lambda *_, **__: ReadImage(np.zeros((12, 20, 1), "uint8"))}, {}, "cut off after"),
        ({}, {"begins": lambda _: True}, "begins takes any file for its own"),
        ({"__reduce__": lambda self: self.missing}, {}, "picklable: raised"),
        ({}, {"suffixes": (".ppm", ".png")}, "reader 'png' of package i2i .* claims .png too"),
    ],
)
def test_what_a_bad_one_does_is_named(netpbm, members, more, told):
    with pytest.raises(AssertionError, match=told):
        check_reader(spec_of(changed(netpbm, **members), **more))


def test_a_window_of_other_values_is_named(netpbm):
    class Shifted(netpbm):
        def read_window(self, source, box):
            left, top, right, bottom = box
            whole = np.asarray(self.read(source, beside=False).pixels)
            return whole.reshape(*whole.shape[:2], -1)[top:bottom, left:right] + 1

    globals()["Shifted"] = Shifted
    Shifted.__qualname__ = "Shifted"
    with pytest.raises(AssertionError, match=r"read_window \(0, 0, .*gives other values than the whole image"):
        check_reader(spec_of(Shifted, begins=lambda begin: begin[:2] in (b"P5", b"P6")))
