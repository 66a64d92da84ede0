"""Metrics by name, with the options that somebody gave them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from i2i.config.layers import Values
from i2i.config.run_config import Choice
from i2i.config.sections import METRICS
from i2i.errors import I2IError, shown
from i2i.plugins.component_options import Options, Problem, parse_options
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import MetricSpec


def choose_metrics(
    manager: PluginManager, names: Iterable[str], given: Sequence[Values], assumed: Mapping[str, Any] | None = None
) -> tuple[list[Choice], list[Problem]]:
    """Find each metric and check its options.

    Args:
        manager: the plugins.
        names: which.
        given: sections of metrics, later ones win.
        assumed: options of whichever metric has them, unless given.

    Returns:
        The metrics that there are, each once, and what is wrong.
    """
    chosen, problems = [], []
    for name in dict.fromkeys(names):
        try:
            spec = manager.spec(MetricSpec, name)
        except I2IError as error:
            problems.append(Problem(METRICS, str(error)))
            continue
        values = {key: value for key, value in (assumed or {}).items() if key in spec.options.model_fields}
        for section in given:
            own = section.get(name, {})
            if isinstance(own, Mapping):
                values.update(own)
            else:
                problems.append(Problem(f"{METRICS}.{name}", f"must hold options; got {shown(own)}"))
        options, wrong = parse_options(spec.options, values, where=f"{METRICS}.{name}")
        problems += wrong
        chosen.append(Choice(name, Options() if options is None else options))
    return chosen, problems


def names_of(section: Values) -> tuple[list[str], list[Problem]]:
    """The names in a section of metrics."""
    names = section.get("name", [])
    names = [names] if isinstance(names, str) else names
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        return list(names), []
    return [], [Problem(f"{METRICS}.name", f"must be a list of names; got {shown(names)}")]


def unused(section: Values, measured: Iterable[str]) -> list[Problem]:
    """Options in a section of metrics for one that is not measured."""
    wanted = {"name", *measured, *names_of(section)[0]}
    return [
        Problem(f"{METRICS}.{name}", f"this metric is not measured; ask for it with --metric {name}")
        for name in section
        if name not in wanted
    ]
