"""The networks of a MODEL: those that translate by their direction, the others by name."""

import pytest
import torch

import i2i
from i2i.errors import CheckpointError
from i2i.models.trained_networks import trained_networks
from i2i.plugins.directions import Direction

from ..helpers.trained import write_run


def test_a_model_that_only_translates_has_generators_alone(tmp_path):
    run, networks = write_run(tmp_path / "run", directions=("AtoB", "BtoA"))
    i2i.convert(run, tmp_path / "folder")
    for model in (run, tmp_path / "folder"):
        found = trained_networks(str(model))
        assert (found.source, found.others) == (f"{model}, step 7", {})
        assert [found.generators[Direction(way)].name for way in ("AtoB", "BtoA")] == ["G_A", "G_B"]
        weights = found.generators[Direction.A_TO_B].weights
        assert all(torch.equal(weights[key], value) for key, value in networks["AtoB"].state_dict().items())


@pytest.mark.parametrize(("file", "name"), [("latest_net_D_A.pth", "D_A"), ("200_net_D.pth", "D"), ("DB.pt", "D_B")])
def test_an_official_discriminator_is_known_by_the_name_of_its_file(tmp_path, file, name):
    weights = i2i.create("discriminator", "patch70", in_channels=3, base_channels=4).state_dict()
    torch.save(weights, tmp_path / file)
    found = trained_networks(str(tmp_path / file))
    assert (found.generators, [*found.others]) == ({}, [name])
    assert found.others[name].keys() == weights.keys()


def test_a_file_of_neither_is_refused(tmp_path):
    torch.save({"model.0.weight": torch.zeros(3)}, tmp_path / "weights.pth")
    with pytest.raises(CheckpointError, match="holds no generator that is known"):
        trained_networks(str(tmp_path / "weights.pth"))
