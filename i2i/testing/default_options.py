"""The options that a component is checked with, and whether they tell a person enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from i2i.plugins import Options
from i2i.plugins.component_options import describe_options, parse_options
from i2i.plugins.specs import Spec
from i2i.testing.results import Checklist, expect

NARROW = 8
"""``base_channels`` of the networks under check: wide enough for every code path, quick on a laptop."""


def choose_options(checks: Checklist, spec: Spec, given: Options | Mapping[str, Any] | None) -> Options | None:
    """Check the option model and return the options to check with, or None when there are none to be had."""
    checks.run("options documented", lambda: _documented(spec))
    chosen: list[Options] = []

    def choose() -> str | None:
        options, remark = _choose(spec, given)
        chosen.append(options)
        return remark

    checks.run("options valid", choose)
    return chosen[0] if chosen else None


def _documented(spec: Spec) -> None:
    silent = [field.name for field in describe_options(spec.options) if not field.description.strip()]
    expect(
        not silent, f"every option needs a description (pydantic.Field(..., description=...)); none on {_list(silent)}"
    )


def _choose(spec: Spec, given: Options | Mapping[str, Any] | None) -> tuple[Options, str | None]:
    if isinstance(given, Options):
        expect(
            isinstance(given, spec.options),
            f"options must be a {spec.options.__name__}; got a {type(given).__name__}",
        )
        return given, None
    if given is not None:
        return _parse(spec, given), None
    required = [name for name, field in spec.options.model_fields.items() if field.is_required()]
    expect(not required, f"every option needs a default; none on {_list(required)}")
    defaults = _parse(spec, {})
    width = getattr(defaults, "base_channels", None)
    if isinstance(width, int) and width > NARROW:
        narrow, problems = parse_options(spec.options, {"base_channels": NARROW}, where=spec.kind)
        if narrow is not None and not problems:
            return narrow, f"checked with base_channels={NARROW} (default {width}) to be quick"
    return defaults, None


def _parse(spec: Spec, values: Mapping[str, Any]) -> Options:
    options, problems = parse_options(spec.options, values, where=spec.kind)
    expect(options is not None, "; ".join(str(problem) for problem in problems))
    assert options is not None
    return options


def _list(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names)
