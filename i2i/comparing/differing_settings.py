"""Which settings tell runs apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

ABSENT = None
"""In place of the value of a setting that a run does not have."""


def differing(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The settings whose values are not the same in all configurations.

    Args:
        configs: each in sections, as ``config.yaml`` holds it; an empty one is of a model that does not say.

    Returns:
        ``{"generator.blocks": [6, 9, None]}``: one plain value a configuration, ``None`` where it has no such setting,
        in the order in which they stand there.
    """
    flat = [dict(_settings("", config)) for config in configs]
    said = [values for values in flat if values]
    names = dict.fromkeys(name for values in said for name in values)
    return {
        name: [values.get(name, ABSENT) for values in flat]
        for name in names
        if any(values.get(name, ABSENT) != said[0].get(name, ABSENT) for values in said)
    }


def _settings(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Each setting by its dotted name; components of a list are counted from 0."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _settings(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list | tuple) and any(isinstance(inner, Mapping) for inner in value):
        for place, inner in enumerate(value):
            yield from _settings(f"{name}.{place}", inner)
    else:
        yield name, list(value) if isinstance(value, tuple) else value
