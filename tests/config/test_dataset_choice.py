"""Where nobody names a data set, the one that says it reads what was given is taken, and said to be."""

import pytest

from i2i.api import resolve
from i2i.config.dataset_choice import choose_dataset
from i2i.config.dataset_opening import open_dataset
from i2i.config.resolver import config_from_dict
from i2i.errors import ConfigError, DataError, PluginError
from i2i.plugins.manager import PluginManager

from ..helpers.images import READERS

READER = """
from i2i.plugins import DatasetSpec, hookimpl

def build(options, *, root, split, seed):
    raise AssertionError("nothing is read here")

@hookimpl
def i2i_datasets():
    return [DatasetSpec(name="NAME", summary="Reads lists.", build=build ACCEPTS)]
"""


def reader(name, accepts="lambda root: root.endswith('.list')"):
    return READER.replace("NAME", name).replace("ACCEPTS", f", accepts={accepts}" if accepts else "")


def test_a_folder_and_a_sample_are_read_as_ever_whatever_else_accepts_them(install, tmp_path):
    install("i2i-oak", reader("oak", "lambda root: True"))

    for root in (str(tmp_path), "sample:flat-3d"):
        assert choose_dataset(PluginManager(), root, "folder") == ("folder", [])


def test_the_only_one_that_accepts_it_is_taken_and_said_to_be(install):
    install("i2i-oak", reader("oak"))
    manager = PluginManager()
    config = resolve("pairs.list", manager=manager)

    assert config.data.name == "oak"
    assert config_from_dict(manager, {**config.to_dict(), "data": {"root": "moved", "name": "oak"}}).data.name == "oak"
    name, (note,) = choose_dataset(manager, "pairs.list", "folder")
    assert name == "oak"
    assert note.startswith("pairs.list is read by data set 'oak' of package i2i-oak 1.2")
    assert resolve("pairs.list", settings={"data.name": "folder"}, manager=manager).data.name == "folder"


def test_several_that_accept_it_are_named(install):
    install("i2i-oak", reader("oak"))
    install("i2i-elm", reader("elm"))

    with pytest.raises(
        ConfigError,
        match=r"can be read by data set 'elm' of .* and data set 'oak' of .* "
        r"choose one with --set data\.name=elm or --set data\.name=oak",
    ):
        resolve("pairs.list")


def test_where_none_accepts_it_those_that_do_not_say_are_named(install):
    assert choose_dataset(PluginManager(), "pairs.list", "folder") == ("folder", [])
    install("i2i-oak", reader("oak", accepts=""))

    assert choose_dataset(PluginManager(), "pairs.list", "folder") == (
        "folder",
        [
            "no data set says that it reads pairs.list; some do not say what they read: --set data.name=oak",
        ],
    )


def test_one_that_does_not_say_stays_where_it_is_the_usual_one(install, tmp_path):
    install("i2i-oak", reader("oak", accepts=""))

    assert choose_dataset(PluginManager(), str(tmp_path), "oak") == ("oak", [])


def test_one_that_cannot_say_is_named(install):
    install("i2i-oak", reader("oak", "lambda root: [][0]"))

    with pytest.raises(ConfigError, match=r"data set 'oak' of package i2i-oak 1\.2 raised IndexError"):
        resolve("pairs.list")
    with pytest.raises(PluginError):
        choose_dataset(PluginManager(), "pairs.list", "folder")


def test_a_folder_that_is_not_laid_out_as_expected_names_what_would_read_it(install, tmp_path):
    install("i2i-oak", reader("oak", "lambda root: True"))
    manager = PluginManager()
    choice = resolve(str(tmp_path), manager=manager).data

    with pytest.raises(DataError, match=r"It can be read by data set 'oak' of .* \(--set data\.name=oak\)\.$"):
        open_dataset(manager, choice, str(tmp_path), "train", 0, READERS)
