"""Values as people write them: numbers, yes and no, nothing, colours; and the ones that are refused."""

from __future__ import annotations

import pytest

from i2i.api import resolve

from ..helpers.settings import problems


def test_strings_are_read_as_yaml_and_converted():
    config = resolve(
        settings=[
            "optimizer.learning_rate=1e-4",
            "generator.dropout=yes",
            "schedule.flat_epochs=null",
            " data.background = '#000000'",
        ]
    )

    assert config.optimizer.options.learning_rate == 1e-4
    assert config.generator.options.dropout is True
    assert config.schedule.flat_epochs is None
    assert config.data.options.background == "#000000"


def test_settings_may_be_a_mapping():
    config = resolve(settings={"generator.base_channels": 8, "discriminator.0.base_channels": 4})

    assert config.generator.options.base_channels == 8
    assert config.discriminators[0].options.base_channels == 4


@pytest.mark.parametrize("value", [".inf", ".nan", "-1", "0"])
@pytest.mark.parametrize("name", ["training.epochs", "training.minutes", "optimizer.learning_rate"])
def test_impossible_numbers_are_refused(name, value):
    (told,) = problems(settings=[f"{name}={value}"])

    assert told.startswith(f"{name}: got ")


def test_a_colour_from_the_command_line_is_used():
    assert resolve(settings=["data.background=#000000"]).data.options.background == "#000000"


@pytest.mark.parametrize("value", ["none", "null", "~", ""])
def test_an_optional_value_is_taken_back_in_every_way(value, file):
    path = file("data: {load_size: 300}")

    assert resolve(config=path).data.options.load_size == 300
    assert resolve(config=path, settings=[f"data.load_size={value}"]).data.options.load_size is None
    if value:
        assert resolve(config=file(f"schedule: {{flat_epochs: {value}}}")).schedule.flat_epochs is None


def test_none_stays_a_choice_of_its_own():
    config = resolve(settings=["generator.norm=none", "data.mode=none"])

    assert (config.generator.options.norm, config.data.options.mode) == ("none", "none")


@pytest.mark.parametrize(
    "setting", ["method.lambda_A", "method.lambda_identity", "method.lambda_paired", "loss.penalty_weight"]
)
@pytest.mark.parametrize("value", [".inf", "inf", ".nan"])
def test_weights_are_finite(setting, value):
    (problem,) = problems(loss="wgan-gp", settings=[f"{setting}={value}"])

    assert problem.startswith(f"{setting}: got ")
    assert "finite" in problem


@pytest.mark.parametrize(
    ("text", "value"), [("1e-4", 1e-4), ("1E-4", 1e-4), ("0.0001", 1e-4), ("2e0", 2.0), (".5", 0.5), ("1", 1.0)]
)
def test_numbers_are_numbers_however_they_are_written(tmp_path, text, value):
    path = tmp_path / "mine.yaml"
    path.write_text(f"optimizer:\n  learning_rate: {text}\n")

    assert resolve("photos", config=path).optimizer.options.learning_rate == value
    assert resolve("photos", settings=[f"optimizer.learning_rate={text}"]).optimizer.options.learning_rate == value


@pytest.mark.parametrize(
    ("text", "value"), [("yes", True), ("no", False), ("on", True), ("off", False), ("true", True)]
)
def test_words_for_yes_and_no_are_read_where_they_are_asked_for(text, value):
    assert resolve("photos", settings=[f"generator.dropout={text}"]).generator.options.dropout is value
    (told,) = problems("photos", settings=["generator.norm=no"])
    assert told.startswith("generator.norm: got 'no'")
    assert resolve("photos", settings=["training.seed=010"]).training.seed == 10
