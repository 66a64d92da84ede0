"""From what a MODEL was found to be to a translator."""

import pytest
import torch

from i2i.errors import ConfigError
from i2i.models.find import ExportedModel, open_model
from i2i.plugins.manager import PluginManager
from i2i.translation.exported import ExportedRunner
from i2i.translation.model_loading import LoadingOptions, load_directions, load_translator
from i2i.translation.network_runner import NetworkRunner
from i2i.translation.tiles.tile_settings import TileSettings


def directions(opened, **options):
    return load_directions(PluginManager(), opened, LoadingOptions(device="cpu", **options))


def test_a_run_is_a_network_and_an_exported_file_is_not(exported):
    run, reports = exported
    files = {
        run: NetworkRunner,
        reports["images.onnx"].path: ExportedRunner,
        reports["images.pt2"].path: ExportedRunner,
    }
    for model, kind in files.items():
        translator = load_translator(PluginManager(), open_model(model), LoadingOptions(device="cpu"))
        assert isinstance(translator.runner, kind)
        assert translator.tiling is None
        assert translator(torch.ones(3, 20, 30)).shape == (3, 20, 30)


def test_every_direction_the_one_that_was_asked_for_first(exported):
    opened = open_model(exported[0])
    assert list(directions(opened)) == ["AtoB", "BtoA"]
    translators = directions(opened, direction="BtoA")
    assert list(translators) == ["BtoA", "AtoB"]
    assert {name: translator.info.direction for name, translator in translators.items()} == {
        "BtoA": "BtoA",
        "AtoB": "AtoB",
    }


def test_an_exported_file_holds_one_direction_of_those_it_knows(exported):
    translators = directions(open_model(exported[1]["raw.onnx"].path))
    assert list(translators) == ["BtoA"]
    assert translators["BtoA"].info.directions == ("AtoB", "BtoA")


def test_tiles_divide_a_network_and_no_exported_file(exported):
    options = LoadingOptions(device="cpu", tiles=TileSettings(automatic=False, side=32))
    assert load_translator(PluginManager(), open_model(exported[0]), options).tiling.settings == options.tiles
    with pytest.raises(ConfigError, match=r"--tile is for run folders, .*, which computes an image as a whole"):
        load_translator(PluginManager(), ExportedModel(exported[1]["images.pt2"].path, "torch"), options)
