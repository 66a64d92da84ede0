"""What a component is checked with, and what its options must tell a person."""

from pydantic import Field

from i2i.plugins import GeneratorSpec, Options
from i2i.testing import check_component

from .examples import GoodGenerator, failed_names, generator_spec


class UndocumentedOptions(Options):
    depth: int = 1


class RequiredOptions(Options):
    depth: int = Field(description="has no default")


class WideOptions(Options):
    base_channels: int = Field(64, ge=1, description="width")


class StubbornOptions(Options):
    base_channels: int = Field(64, ge=32, description="width, not below 32")


def test_option_without_description_is_named():
    results = check_component(generator_spec(GoodGenerator, options=UndocumentedOptions))

    assert [(result.name, "'depth'" in result.message) for result in results if not result.ok] == [
        ("options documented", True)
    ]


def test_option_without_default_ends_the_checks():
    results = check_component(generator_spec(GoodGenerator, options=RequiredOptions))

    assert [result.name for result in results if not result.ok] == ["options valid"]
    assert results[-1].name == "options valid"


def test_base_channels_are_lowered_and_that_is_said():
    widths = []
    spec = GeneratorSpec(
        name="wide",
        summary="a generator",
        options=WideOptions,
        build=lambda options, *, in_channels, out_channels: (
            widths.append(options.base_channels) or GoodGenerator(in_channels, out_channels)
        ),
    )
    results = check_component(spec)

    assert set(widths) == {8}
    assert any("base_channels=8 (default 64)" in result.message for result in results)


def test_base_channels_stay_when_the_bounds_say_so():
    assert failed_names(generator_spec(GoodGenerator, options=StubbornOptions)) == []


def test_given_options_are_used_and_validated():
    spec = generator_spec(GoodGenerator, options=WideOptions)

    assert failed_names(spec, options={"base_channels": 16}) == []
    assert failed_names(spec, options=WideOptions(base_channels=16)) == []
    assert failed_names(spec, options={"base_chanels": 16}) == ["options valid"]
    assert failed_names(spec, options=UndocumentedOptions()) == ["options valid"]
