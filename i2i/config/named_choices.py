"""Sections of which any number of components is chosen: their names under ``name``, and the options of each under its
own name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from i2i.config.layers import Values
from i2i.config.run_config import Choice
from i2i.config.sections import NONE
from i2i.errors import I2IError, shown
from i2i.plugins.component_options import Options, Problem, parse_options
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import Spec


def choose_named(
    manager: PluginManager,
    spec_type: type[Spec],
    section: str,
    names: Iterable[str],
    given: Sequence[Values],
    assumed: Mapping[str, Any] | None = None,
) -> tuple[list[Choice], list[Problem]]:
    """Find each component and check its options.

    Args:
        manager: the plugins.
        spec_type: the kind of components.
        section: of the configuration.
        names: which.
        given: what the section holds in each layer; later ones win.
        assumed: options of whichever component has them, unless given.

    Returns:
        The components that there are, each once, and what is wrong.
    """
    chosen, problems = [], []
    for name in dict.fromkeys(names):
        try:
            spec = manager.spec(spec_type, name)
        except I2IError as error:
            problems.append(Problem(section, str(error)))
            continue
        values = {key: value for key, value in (assumed or {}).items() if key in spec.options.model_fields}
        for layer in given:
            own = layer.get(name, {})
            if isinstance(own, Mapping):
                values.update(own)
            else:
                problems.append(Problem(f"{section}.{name}", f"must hold options; got {shown(own)}"))
        options, wrong = parse_options(spec.options, values, where=f"{section}.{name}")
        problems += wrong
        chosen.append(Choice(name, Options() if options is None else options))
    return chosen, problems


def names_of(section: str, names: Any) -> tuple[list[str], list[Problem]]:
    """The names that somebody gave, one or several; ``none`` alone is no name."""
    names = [names] if isinstance(names, str) else names
    if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
        if NONE not in names:
            return list(names), []
        chosen = [name for name in names if name != NONE]
        together = f"{NONE!r} stands alone, and came with {', '.join(chosen)}; leave one or the other out"
        return chosen, [Problem(f"{section}.name", together)] if chosen else []
    return [], [Problem(f"{section}.name", f"must be a list of names; got {shown(names)}")]


def unused(kind: str, section: str, values: Values, chosen: Iterable[str], option: str = "") -> list[Problem]:
    """Options in a layer for a component that is not chosen, nor named in this layer: a later one may name others.

    Args:
        kind: of component.
        section: of the configuration.
        values: what the section holds in the layer.
        chosen: the names of all that are chosen.
        option: of the command line, that chooses one; the kind's name if not given.
    """
    wanted = {"name", *chosen, *names_of(section, values.get("name", []))[0]}
    return [
        Problem(f"{section}.{name}", f"this {kind} is not chosen; choose it with {option or f'--{kind}'} {name}")
        for name in values
        if name not in wanted
    ]
