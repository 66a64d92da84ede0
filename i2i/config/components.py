"""Building one component from its spec, and what its spec says of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from i2i.config.run_config import Choice
from i2i.errors import ConfigError, PluginError
from i2i.images.readers import Readers
from i2i.plugins.calls import calling, mark
from i2i.plugins.component_options import parse_options
from i2i.plugins.features import name_taps
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import SPECS, DatasetSpec


def build(manager: PluginManager, kind: str, choice: Choice, **context: Any) -> Any:
    """Build the chosen component.

    Raises:
        PluginError: naming the package, when its ``build`` fails or returns the wrong thing.
    """
    component = manager.find(kind, choice.name)
    owner = component.called
    if isinstance(component.spec, DatasetSpec) and component.spec.reads_images:
        context.setdefault("readers", Readers(manager))
    with calling(owner, f"building {owner.kind} {owner.name}"):
        built = component.spec.build(choice.options, **context)
    if kind in ("generator", "discriminator") and not isinstance(built, nn.Module):
        raise PluginError(f"{owner}: build must return a torch.nn.Module; got {type(built).__name__}")
    if built is None:
        raise PluginError(f"{owner}: build returned None")
    mark(built, owner)
    if kind in ("generator", "discriminator") and (taps := taps_in_spec(manager, kind, choice)):
        with calling(owner, f"naming the taps of {owner.kind} {owner.name}"):
            name_taps(built, taps)
    return built


def create(manager: PluginManager, kind: str, name: str, context: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """Build one component by name; see :func:`i2i.create`."""
    if kind not in SPECS:
        raise PluginError(f"there is no kind of component called {kind!r} (kinds: {', '.join(SPECS)})")
    parsed, problems = parse_options(manager.find(kind, name).spec.options, options, where=name)
    if parsed is None:
        raise ConfigError("\n".join(map(str, problems)))
    return build(manager, kind, Choice(name, parsed), **context)


def size_multiple(manager: PluginManager, choice: Choice) -> int:
    """The number that the generator wants H and W to be multiples of."""
    return int(manager.ask("generator", choice.name, "size_multiple", choice.options))


def smallest_size(manager: PluginManager, choice: Choice) -> int:
    """The least H and W that the generator translates."""
    return int(manager.ask("generator", choice.name, "smallest_size", choice.options))


def taps_in_spec(manager: PluginManager, kind: str, choice: Choice) -> Mapping[str, str]:
    """The taps of a network: each name with the layer's path."""
    taps: Mapping[str, str] = manager.ask(kind, choice.name, "taps", choice.options)
    return taps
