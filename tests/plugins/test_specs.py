"""Specs refuse what would only fail much later."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from i2i.cli.main import COMMANDS
from i2i.plugins import (
    CommandSpec,
    DatasetSpec,
    DiscriminatorSpec,
    ExporterSpec,
    GeneratorSpec,
    LossSpec,
    MethodSpec,
    Options,
)
from i2i.plugins.specs import SPECS, TAKEN_COMMANDS

GOOD: dict[str, Any] = {"name": "oak", "summary": "A tree.", "options": Options, "build": print}


def test_a_spec_is_data_with_safe_defaults() -> None:
    spec = GeneratorSpec(name="oak", summary="A tree.", build=print)

    assert spec.options is Options
    assert spec.size_multiple(Options()) == spec.smallest_size(Options()) == 1
    assert MethodSpec(**GOOD, pairing=lambda options: "unpaired").defaults == {}
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.name = "elm"


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"name": ""}, ValueError, "name must be a lower-case string"),
        ({"name": "Oak"}, ValueError, "name must be a lower-case string"),
        ({"name": " oak"}, ValueError, "name must be a lower-case string"),
        ({"name": 7}, ValueError, "got 7"),
        ({"summary": ""}, ValueError, "summary must be one line"),
        ({"summary": "one\ntwo"}, ValueError, "summary must be one line"),
        ({"options": Options()}, TypeError, r"options must be a subclass of i2i\.plugins\.Options; got Options\(\)"),
        ({"options": dict}, TypeError, r"options must be a subclass of i2i\.plugins\.Options; got <class 'dict'>"),
        ({"build": "oak.build"}, TypeError, "build must be callable; got 'oak.build'"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=rf"GeneratorSpec .*: .*{message}"):
        GeneratorSpec(**{**GOOD, **change})


class Taken(Options):
    name: str = "oak"
    root: str = "."
    copies: int = 1


@pytest.mark.parametrize(
    ("spec", "taken"),
    [(GeneratorSpec, "'name'"), (DiscriminatorSpec, "'copies' or 'name'"), (DatasetSpec, "'name' or 'root'")],
)
def test_an_option_cannot_take_a_name_of_the_configuration(spec: Any, taken: str) -> None:
    with pytest.raises(ValueError, match=f"{spec.__name__} 'oak': no option may be called {taken}, .*; rename it"):
        spec(**{**GOOD, "options": Taken})


def test_the_family_of_a_loss_is_checked() -> None:
    with pytest.raises(ValueError, match="LossSpec 'oak': family must be 'adversarial' or 'pixel'; got 'style'"):
        LossSpec(**GOOD, family="style")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "run"}, "i2i has a command of this name; take none of run, data, translate, "),
        ({"name": "time it"}, "name must be lower-case letters and digits, with single hyphens"),
        ({"name": "--help"}, "name must be lower-case letters and digits, with single hyphens"),
        ({"options": Taken}, "options must have no fields|no option may be called 'name'"),
    ],
)
def test_a_command_that_nobody_could_call_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"CommandSpec .*: ({message})"):
        CommandSpec(**{**GOOD, **change})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"suffix": "oak"}, "must be a dot and lower-case letters or digits, such as '.onnx'; got 'oak'"),
        ({"suffix": ".tar.gz"}, "got '.tar.gz'"),
        ({"suffix": ".oak", "beside": (".OAK",)}, "got '.OAK'"),
        ({"suffix": ".oak", "beside": (".leaf", ".oak")}, "must all be different"),
    ],
)
def test_the_suffixes_of_an_exporter_are_checked(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"ExporterSpec 'oak': suffix and beside .*{message}"):
        ExporterSpec(**{**GOOD, **change})


def test_the_names_of_i2is_own_commands_are_taken() -> None:
    assert tuple(COMMANDS) == TAKEN_COMMANDS


def test_every_kind_has_a_spec_of_that_kind() -> None:
    kinds = ["generator", "discriminator", "loss", "buffer", "method", "dataset", "optimizer", "metric", "observer"]
    kinds += ["augmentation", "exporter", "command", "reader"]
    assert list(SPECS) == kinds
    assert all(spec.kind == kind for kind, spec in SPECS.items())
