"""The optimiser: options for all networks, and for the generators, the discriminators and the helpers."""

from __future__ import annotations

import dataclasses

import pytest

from i2i.api import resolve
from i2i.config.resolver import config_from_dict
from i2i.plugins.manager import PluginManager

from ..helpers.settings import problems
from ..helpers.specs import spec_of

MANAGER = PluginManager({})


def rates(config):
    return [config.optimizer.of(group).options.learning_rate for group in ("generators", "discriminators")]


def test_a_group_of_networks_has_options_over_the_shared_ones(file):
    config = resolve(
        "photos", settings=["optimizer.beta1=0.9", "optimizer.discriminators.learning_rate=4e-4"], optimizer="adamw"
    )

    assert config.optimizer.name == "adamw"
    assert rates(config) == [2e-4, 4e-4]
    assert config.optimizer.of("discriminators").options.beta1 == 0.9
    assert config.to_dict()["optimizer"]["discriminators"]["learning_rate"] == 4e-4
    assert "generators" not in config.to_dict()["optimizer"]
    assert resolve(config=file(config.to_yaml())) == config


def test_the_command_line_wins_over_a_group_in_the_file(file):
    path = file("optimizer: {learning_rate: 0.1, discriminators: {learning_rate: 0.2}}\n")

    assert rates(resolve("photos", config=path)) == [0.1, 0.2]
    assert rates(resolve("photos", config=path, settings=["optimizer.learning_rate=0.3"])) == [0.3, 0.3]
    assert rates(resolve("photos", config=path, settings=["optimizer.generators.learning_rate=0.4"])) == [0.4, 0.2]


def test_a_configuration_from_before_optimisers_had_names_is_of_adam():
    values = resolve().to_dict()
    del values["optimizer"]["name"]

    assert config_from_dict(MANAGER, values) == resolve()


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("optimizer.discriminators.lr=1", "optimizer.discriminators.lr: there is no such option (options: beta1, "),
        ("optimizer.generators.beta1=1", "optimizer.generators.beta1: got 1: input should be less than 1"),
        (
            "optimizer.generators=3",
            "optimizer.generators: must hold options, such as optimizer.generators.learning_rate=",
        ),
        ("optimizer.name=adamm", "optimizer: there is no optimizer called 'adamm'; did you mean 'adam'?"),
        ("optimizer.weight_decay=1", "optimizer.weight_decay: there is no such option"),
        ("optimizer.critics.beta1=0", "optimizer.critics.beta1: there is no such option"),
    ],
)
def test_a_wrong_setting_of_the_optimiser(setting, told):
    (problem,) = problems(settings=[setting, "optimizer.discriminators.beta2=0.9"])

    assert problem.startswith(told)


def test_a_wrong_shared_option_is_reported_once():
    told = problems(settings=["optimizer.beta1=1", "optimizer.discriminators.beta2=0.9"])

    assert [problem.partition(":")[0] for problem in told] == ["optimizer.beta1"]


def test_helpers_have_options_of_their_own(manager):
    config = resolve(
        "photos",
        settings={
            "generator.base_channels": 2,
            "discriminator.base_channels": 2,
            "optimizer.helpers.learning_rate": 1e-3,
        },
    )

    assert config.optimizer.of("helpers").options.learning_rate == 1e-3
    assert config.optimizer.of("generators").options.learning_rate == 2e-4


def test_a_method_may_start_a_group_of_networks_from_its_own_settings(manager, add):
    usual = {"learning_rate": 1e-4, "discriminators": {"learning_rate": 3e-4, "amsgrad": True}}
    add(dataclasses.replace(spec_of("method", lambda _, parts: None), defaults={"optimizer": usual}))

    def rates(*given):
        config = resolve("photos", method="oak", settings=given, manager=manager)
        return [config.optimizer.of(group).options.learning_rate for group in ("generators", "discriminators")]

    assert rates() == [1e-4, 3e-4]
    assert rates("optimizer.generators.learning_rate=2e-4") == [2e-4, 3e-4]
    assert rates("optimizer.learning_rate=5e-4") == [5e-4, 5e-4], "what a person gives wins"
