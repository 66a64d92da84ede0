"""Numbers, names and paths of other libraries as arguments of the functions."""

from pathlib import Path, PurePath

import numpy as np
import pytest
import torch
from PIL import Image

import i2i
from i2i.api.arguments import manager_of, one_name, plain, whole_number
from i2i.errors import ConfigError, DataError
from i2i.plugins.manager import PluginManager


class Folder(type(Path())):
    """A path of another library's own kind."""


def test_plain_values():
    given = {"a": np.int64(3), "b": [np.float32(0.5), np.bool_(True)], "c": torch.tensor(2), "d": torch.device("cpu")}
    values = plain(given)
    assert values == {"a": 3, "b": [0.5, True], "c": 2, "d": "cpu"}
    assert [type(value) for value in (values["a"], *values["b"], values["c"])] == [int, float, bool, int]
    assert type(plain(np.str_("x"))) is str
    assert plain(None) is None


@pytest.mark.parametrize("value", [1.5, "9", None, True, 0, np.float64(2)])
def test_what_is_no_whole_number(value):
    with pytest.raises(ConfigError, match=r"batch_size must be .*at least 1; got"):
        whole_number("batch_size", value, 1)


def test_plugin_files_are_for_those_who_give_no_manager(tmp_path):
    file = tmp_path / "oak.py"
    file.write_text("from i2i.plugins import hookimpl\n\n@hookimpl\ndef i2i_losses():\n    return []\n")
    assert manager_of(None, str(file)).files == manager_of(None, [file]).files == [str(file)]
    manager = PluginManager({})
    assert manager_of(manager, ()) is manager
    with pytest.raises(ConfigError, match="plugins and manager are both given"):
        manager_of(manager, [file])


def test_numbers_of_numpy_and_torch_are_settings_like_others(tmp_path):
    options = {"seed": 3, "batch_size": 2, "minutes": 0.5, "skip_bad": True, "steps": 7, "device": "cpu"}
    others = {
        "seed": np.uint8(3),
        "batch_size": torch.tensor(2),
        "minutes": np.float32(0.5),
        "skip_bad": np.bool_(True),
        "steps": np.int64(7),
        "device": torch.device("cpu"),
    }
    given = i2i.resolve(Folder(tmp_path), settings={"training.keep": np.int32(4)}, **others)
    expected = i2i.resolve(str(tmp_path), settings={"training.keep": 4}, **options)
    assert given.to_yaml() == expected.to_yaml()


@pytest.mark.slow
def test_loading_with_them(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "image.png")
    options = {"max_pixels": np.int64(5000), "tile": np.int64(32), "tile_memory": np.float32(1)}
    translator = i2i.load("sample:flat-3d", device=torch.device("cpu"), **options)
    expected = i2i.load("sample:flat-3d", max_pixels=5000, tile=32, device="cpu")(image)
    assert np.array_equal(translator([image, image], batch_size=np.int64(2))[1], expected)
    for path in (Folder(tmp_path / "image.png"), PurePath(tmp_path / "image.png")):
        assert np.array_equal(np.asarray(translator(path)), expected)
    closed = Image.open(tmp_path / "image.png")
    closed.close()
    with pytest.raises(DataError, match="a Pillow image cannot be translated"):
        translator(closed)


@pytest.mark.parametrize("model", [3, None, b"runs"])
def test_what_is_no_model(model):
    for function in (i2i.load, i2i.evaluate, i2i.export):
        with pytest.raises(ConfigError, match="a model is named by a path"):
            function(model)


def test_an_argument_by_the_name_that_it_had():
    assert one_name("set", (), "settings", None) == ()
    assert one_name("set", ("a=1",), "settings", None) == ("a=1",)
    with pytest.warns(DeprecationWarning, match="settings is the earlier name of set; give set instead"):
        assert one_name("set", (), "settings", {"a": 1}) == {"a": 1}
    with pytest.raises(ConfigError, match="settings is the earlier name of set, which is given as well"):
        one_name("set", ("a=1",), "settings", ("a=2",))
    with pytest.warns(DeprecationWarning, match="is the earlier name of (set|observer)") as warned:
        earlier = i2i.resolve(settings={"training.seed": 3}, trackers=["tensorboard"])
    assert i2i.resolve(set={"training.seed": 3}, observer="tensorboard") == earlier
    assert len(warned) == 2
    assert {Path(warning.filename).name for warning in warned} == {"test_arguments.py"}, "where the call is"
