"""What the built-in formats are called."""

from i2i.builtin import readers
from i2i.plugins.manager import PluginManager


def test_each_is_found_by_its_name():
    components = PluginManager({}).components("reader")
    found = [component.spec for component in components if component.plugin.package == "i2i"]

    assert {spec.name: spec.suffixes for spec in found} == {
        "bmp": (".bmp",),
        "jpeg": (".jpg", ".jpeg"),
        "npy": (".npy",),
        "npz": (".npz",),
        "png": (".png",),
        "tiff": (".tif", ".tiff"),
        "webp": (".webp",),
    }
    assert {id(spec) for spec in found} == {id(spec) for spec in readers.SPECS}
