"""What a person reads about options: descriptions, and every problem at once."""

from __future__ import annotations

from enum import Enum
from typing import Literal, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, field_validator, model_validator

from i2i.plugins import Options
from i2i.plugins.component_options import OptionField, describe_options, parse_options


class Network(Options):
    """Options of every type that plugins use."""

    base_channels: int = Field(64, ge=1, le=1024, description="Channels of the first layer.")
    norm: Literal["instance", "batch", "none"] = Field("instance", description="Normalisation.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Probability of dropping a channel.")
    affine: bool = Field(False, description="Learn scale and shift.")
    limit: float | None = Field(None, gt=0, description="Largest gradient.")
    fields: list[int] = Field(default_factory=lambda: [70], description="Receptive fields.")
    even: int = 2
    """Described by the text below it."""

    @field_validator("even")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value


def problems(**values: object) -> list[str]:
    options, found = parse_options(Network, values, where="generator")
    assert (options is None) == bool(found)
    return [str(problem) for problem in found]


def test_values_and_defaults_become_frozen_options() -> None:
    options, found = parse_options(Network, {"base_channels": 32, "affine": True}, where="generator")

    assert found == []
    assert options == Network(base_channels=32, affine=True)
    assert options is not None
    assert options.norm == "instance"
    with pytest.raises(ValidationError, match="frozen"):
        options.base_channels = 8


def test_text_from_a_command_line_is_converted() -> None:
    options, _ = parse_options(Network, {"base_channels": "32", "affine": "true", "dropout": "0.5"}, where="generator")

    assert options == Network(base_channels=32, affine=True, dropout=0.5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"base_chanels": 32},
            "generator.base_chanels: there is no such option; did you mean 'base_channels'? "
            "(options: affine, base_channels, dropout, even, fields, limit, norm)",
        ),
        ({"base_channels": "many"}, "generator.base_channels: got 'many': input should be a valid integer"),
        ({"base_channels": 2.5}, "generator.base_channels: got 2.5: input should be a valid integer"),
        ({"base_channels": 0}, "generator.base_channels: got 0: input should be greater than or equal to 1"),
        ({"dropout": 1.0}, "generator.dropout: got 1.0: input should be less than 1"),
        ({"norm": "layer"}, "generator.norm: got 'layer': input should be 'instance', 'batch' or 'none'"),
        ({"even": 3}, "generator.even: got 3: must be even"),
        ({"fields": [70, "wide"]}, "generator.fields.1: got 'wide': input should be a valid integer"),
    ],
)
def test_a_wrong_value_is_named_with_what_came_and_what_is_allowed(values: dict[str, object], message: str) -> None:
    (problem,) = problems(**values)

    assert problem.startswith(message)


def test_all_problems_are_reported_at_once() -> None:
    found = problems(base_channels=-1, nrom="batch", dropout="high")

    assert [problem.split(":")[0] for problem in found] == [
        "generator.base_channels",
        "generator.dropout",
        "generator.nrom",
    ]


def test_a_component_without_options_says_so() -> None:
    _, found = parse_options(Options, {"depth": 3}, where="loss")

    assert [str(problem) for problem in found] == ["loss.depth: there is no such option (options: none)"]


@given(st.dictionaries(st.text(max_size=8), st.none() | st.booleans() | st.integers() | st.floats() | st.text()))
def test_whatever_comes_there_is_a_result_or_a_problem_for_a_known_place(values: dict[str, object]) -> None:
    options, found = parse_options(Network, values, where="generator")

    assert (options is None) == bool(found)
    assert all(problem.field.startswith("generator.") for problem in found)


def test_descriptions_hold_type_default_bounds_and_words() -> None:
    described = {field.name: field for field in describe_options(Network)}

    assert list(described) == list(Network.model_fields)
    assert described["base_channels"] == OptionField(
        "base_channels", "integer", 64, ">= 1, <= 1024", "Channels of the first layer."
    )
    assert described["norm"].type == "instance | batch | none"
    assert (described["dropout"].type, described["dropout"].bounds) == ("number", ">= 0, < 1")
    assert described["affine"].type == "true | false"
    assert (described["limit"].type, described["limit"].default, described["limit"].bounds) == (
        "number | none",
        None,
        "> 0",
    )
    assert (described["fields"].type, described["fields"].default) == ("list of integer", [70])
    assert described["even"].description == "Described by the text below it."
    assert describe_options(Options) == []


class Colours(Enum):
    GREY = "grey"
    FULL = "full"


class Unusual(Options):
    """What pydantic allows besides."""

    colours: Colours = Field(Colours.GREY, description="an enumeration")
    several: tuple[Colours, ...] = Field((Colours.FULL,), description="several of it")
    width: int | None = Field(None, alias="w", description="an alias")
    height: Optional[int] = Field(None, description="the older way to say it")  # noqa: UP045
    choice: Literal["none", "all"] | None = Field(None, description="a choice that is called none")
    word: str = Field("", description="text that may be none")

    @model_validator(mode="after")
    def _fits(self) -> Unusual:
        if self.width == self.height == 0:
            raise ValueError("width and height cannot both be 0")
        return self


def test_enumerations_and_aliases_are_described_as_a_person_types_them() -> None:
    described = {field.name: field for field in describe_options(Unusual)}

    assert (described["colours"].type, described["colours"].default) == ("grey | full", "grey")
    assert (described["several"].type, described["several"].default) == ("list of grey | full", ("full",))
    assert described["width"].type == "integer | none"


def test_an_option_with_an_alias_is_set_by_its_name() -> None:
    options, found = parse_options(Unusual, {"width": 3}, where="data")

    assert found == []
    assert options is not None
    assert options.width == 3
    assert options.model_dump(mode="json")["width"] == 3


def test_none_means_no_value_only_where_there_may_be_none() -> None:
    values = dict.fromkeys(("width", "height", "choice", "word"), "none")
    options, found = parse_options(Unusual, values, where="data")

    assert found == []
    assert options is not None
    assert (options.width, options.height, options.choice, options.word) == (None, None, "none", "none")
    assert [str(problem) for problem in parse_options(Unusual, {"colours": "none"}, where="data")[1]] == [
        "data.colours: got 'none': input should be 'grey' or 'full'"
    ]


def test_a_problem_of_several_options_does_not_print_all_of_them() -> None:
    _, found = parse_options(Unusual, {"width": 0, "height": 0, "word": "long"}, where="data")

    assert [str(problem) for problem in found] == ["data: width and height cannot both be 0"]
