"""Networks start from the weights of models as far as these fit, and what does not is told."""

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import i2i
from i2i.errors import CheckpointError, ConfigError
from i2i.training.initial_weights import start_networks, with_settings_of_models

from ..helpers import official_networks as official
from ..helpers.networks import randomised
from ..helpers.running import assert_same_end, latest, run_here
from ..helpers.trained import TINY, generator_of, write_run

pytestmark = pytest.mark.usefixtures("one_thread", "no_page")
COMPONENT = {"name": "resnet", **TINY}


def method(discriminator="patch", **generator):
    """Of both directions, with generators and discriminators that nothing was trained with."""
    ways = {"AtoB": "G_A", "BtoA": "G_B"}
    judges = {
        name: i2i.create("discriminator", "patch", in_channels=3, layers=1, base_channels=4) for name in ("D_A", "D_B")
    }
    generators = {name: generator_of(seed=9, **generator)[0] for name in ways.values()}
    return SimpleNamespace(generators=generators, discriminators=judges, helpers={}, directions=ways)


def equal(network, weights):
    own = network.state_dict()
    return own.keys() == weights.keys() and all(torch.equal(own[key], weights[key]) for key in own)


def test_generators_start_from_those_of_their_direction_and_the_rest_anew(tmp_path):
    run, networks = write_run(tmp_path / "run", directions=("BtoA",))
    made = method()
    fresh = made.generators["G_A"].state_dict()
    start = start_networks(made, [str(run)], COMPONENT)
    assert equal(made.generators["G_B"], networks["BtoA"].state_dict())
    assert equal(made.generators["G_A"], fresh)
    anew = [f"{name} starts anew: no model has weights for it" for name in ("G_A", "D_A", "D_B")]
    assert [*start.lines()] == [
        anew[0], f"G_B starts from G_B of {run}, step 7 (all tensors)", *anew[1:]
    ]  # fmt: skip


def test_what_does_not_fit_is_listed_and_the_rest_is_taken(tmp_path):
    network, own = generator_of(in_channels=1, blocks=2, seed=3)
    run, _ = write_run(tmp_path / "run", networks={"AtoB": (network, own)}, in_channels=1)
    made = method(input_skip=True)
    start = start_networks(made, [str(run)], {**COMPONENT, "input_skip": True, "blocks": 1})
    (first, *_), weights = start.networks, network.state_dict()
    taken = made.generators["G_A"].state_dict()
    assert torch.equal(taken["model.4.weight"], weights["model.4.weight"])
    assert first.not_fitting[0] == "model.1.weight is [4, 1, 7, 7] there and [4, 3, 7, 7] here"
    assert "model.11.conv_block.1.weight is not here" in first.not_fitting
    assert 0 < first.taken < first.of == len(taken)
    assert first.other_settings == ("blocks is 2 there and 1 here",)  # input_skip is not recorded there
    assert any("more (start.json)" in line for line in first.lines())


def test_official_files_of_one_or_several_networks(tmp_path):
    """In the layout of the reference implementation, written by a transcript of it."""
    weights = {name: official.resnet(1, ngf=4, seed=seed) for seed, name in enumerate(("G_A", "G_B"))}
    weights = {name: dict(each) for name, each in weights.items()}
    judge = method().discriminators["D_A"]
    randomised(judge)
    for name, content in {**weights, "D_A": judge.state_dict()}.items():
        torch.save(content, tmp_path / f"latest_net_{name}.pth")
    torch.save({**weights, "D_A": judge.state_dict()}, tmp_path / "all.pth")
    several = [str(tmp_path / f"latest_net_{name}.pth") for name in ("D_A", "G_A", "G_B")]
    for models in (several, [str(tmp_path / "all.pth")]):
        made = method()
        start = start_networks(made, models, COMPONENT)
        assert all(equal(made.generators[name], weights[name]) for name in weights)
        assert equal(made.discriminators["D_A"], judge.state_dict())
        assert [each.network for each in start.networks if each.model is None] == ["D_B"]
    alone = start_networks(method(), models, COMPONENT, generators_only=True)
    assert alone.unused == {models[0]: ("D_A",)}


def test_what_nothing_can_start_from(tmp_path):
    run, _ = write_run(tmp_path / "run", name="unet", downs=3, base_channels=4)
    with pytest.raises(ConfigError, match=r"none of its weights fits \(G_A: model.1.weight is not there\)"):
        start_networks(method(), [str(run)], COMPONENT)
    one, _ = write_run(tmp_path / "one", directions=("BtoA",))
    one_way = SimpleNamespace(
        generators={"G": nn.Linear(1, 1)}, discriminators={}, helpers={}, directions={"AtoB": "G"}
    )
    with pytest.raises(ConfigError, match=r"it has a generator BtoA, of which this run needs none \(it trains G; "):
        start_networks(one_way, [str(one)], COMPONENT)
    with pytest.raises(ConfigError, match="both have weights for G_B"):
        start_networks(method(), [str(one), str(one)], COMPONENT)
    with pytest.raises(CheckpointError, match="is not a trained model"):
        start_networks(method(), [str(tmp_path / "nothing")], COMPONENT)


def test_the_generator_is_the_models_unless_another_is_chosen(tmp_path):
    run, _ = write_run(tmp_path / "run", norm="none")
    config = i2i.resolve(init_from=run, set={"generator.init_gain": 0.5})
    assert (config.generator.name, config.generator.options.norm) == ("resnet", "none")
    assert (config.generator.options.base_channels, config.generator.options.init_gain) == (4, 0.5)
    assert config.training.init_from == (str(run),)
    assert i2i.resolve(init_from=[run], generator="unet256").generator.name == "unet256"
    assert with_settings_of_models({}) == ({}, [])


def test_a_run_starts_from_another_and_says_so(images, tmp_path, monkeypatch):
    """Discriminators too, with their settings; resumed, it is the run that was not interrupted."""
    more = {"schedule.name": "constant", "training.ema_decay": 0.9, "training.ema_ramp_up": 0}
    first = run_here(images, tmp_path / "first", steps=2, more=more)
    monkeypatch.chdir(tmp_path)
    given = {"init_from": "first", "settings": {"data.mode": "none", **more}}
    none = run_here(images, tmp_path / "none", steps=0, **given)
    before, after = (latest(each) for each in (first, none))
    for name in ("G_A", "G_B"):  # the average, which is what translates
        weights, started = (each.generator_weights(name) for each in (before, after))
        assert all(torch.equal(weights[key], started[key]) for key in weights)
        assert all(torch.equal(weights[key], value) for key, value in after.training_state()["networks"][name].items())
    judges = [each.training_state()["networks"]["D_A"] for each in (before, after)]
    assert all(torch.equal(judges[0][key], judges[1][key]) for key in judges[0])
    told = json.loads((none.folder / "start.json").read_text())
    assert [each["taken"] == each["of"] > 0 for each in told["networks"]] == [True] * 4
    assert told["networks"][0]["model"] == f"{tmp_path / 'first'}, step 2"

    straight = run_here(images, tmp_path / "straight", steps=2, **given)
    monkeypatch.chdir("/")
    assert_same_end(i2i.run(resume=none.folder, steps=2).folder, straight.folder)
