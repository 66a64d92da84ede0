"""Models of a comparison: what they are called, and which way they translate."""

import pytest

from i2i.comparing.contenders import contender_of, labels_of
from i2i.errors import ConfigError
from i2i.models.find import open_model
from i2i.plugins.manager import PluginManager
from i2i.translation.model_loading import LoadingOptions

from ..helpers.trained import write_run

CPU = LoadingOptions(device="cpu")


def test_labels_are_as_short_as_they_can_be():
    assert labels_of(["runs/one", "runs/two"]) == ["one", "two"]
    assert labels_of(["a/run", "b/run", "c"]) == ["a/run", "b/run", "c"]
    assert labels_of(["sample:flat-3d", "run"]) == ["sample:flat-3d", "run"]
    assert labels_of(["run", "x/run"]) == ["run", "x/run"]
    with pytest.raises(ConfigError, match="run is named twice"):
        labels_of(["run", "run"])


def test_a_model_goes_the_way_of_the_first_by_its_domains(tmp_path):
    manager = PluginManager()
    first = open_model(write_run(tmp_path / "first")[0])
    _, of_first = contender_of(manager, "first", first, CPU, None)
    swapped = {"domains": {"A": "3d", "B": "line"}}
    other = open_model(write_run(tmp_path / "other", directions=("AtoB", "BtoA"), more=swapped)[0])
    contender, translator = contender_of(manager, "other", other, CPU, of_first.info)
    assert (contender.direction, translator.info.domains) == ("BtoA", ("line", "3d"))
    assert contender.notes == ()


def test_other_domains_are_noted_and_other_kinds_refused(tmp_path):
    manager = PluginManager()
    _, first = contender_of(manager, "first", open_model(write_run(tmp_path / "first")[0]), CPU, None)
    cats = open_model(write_run(tmp_path / "cats", more={"domains": {"A": "cats", "B": "dogs"}})[0])
    contender, _ = contender_of(manager, "cats", cats, CPU, first.info)
    assert contender.notes == (
        "cats translates cats to dogs, the first model line to 3d: it is compared as if these were the same",
    )
    grey = open_model(write_run(tmp_path / "grey", in_channels=1)[0])
    with pytest.raises(ConfigError, match="grey takes images of 1 channels"):
        contender_of(manager, "grey", grey, CPU, first.info)
