"""What a method may have beyond :class:`~i2i.plugins.protocols.Method`, and what holds for one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from i2i.plugins.protocols import Method
from i2i.plugins.specs import NETWORK_GROUPS

if TYPE_CHECKING:
    from torch import nn


def networks_of(method: Method, group: str) -> Mapping[str, nn.Module]:
    """The networks of a group by name; a method without ``helpers`` has none of these."""
    networks: Mapping[str, nn.Module] = getattr(method, group, {}) if group == "helpers" else getattr(method, group)
    return networks


def all_networks_of(method: Method) -> dict[str, nn.Module]:
    """The networks of all groups by name."""
    return {name: network for group in NETWORK_GROUPS for name, network in networks_of(method, group).items()}


def keeps_state(method: Method) -> bool:
    """Whether a method has a state of its own, by ``state_dict`` and ``load_state_dict``.

    Those that it has as a :class:`torch.nn.Module` are none: they hold networks, which are saved anyway.
    """
    from torch import nn

    own: Any = type(method)
    inherited = issubclass(own, nn.Module) and own.state_dict is nn.Module.state_dict
    return callable(getattr(method, "state_dict", None)) and not inherited


def state_of(method: Method) -> Any:
    """What an exact resume of the method needs, beside networks and buffers; None where it has no such state."""
    kept: Any = method
    return kept.state_dict() if keeps_state(method) else None


def restore_state(method: Method, state: Any) -> None:
    """Give a method back what :func:`state_of` returned.

    Raises:
        ValueError: there is a state and the method takes none, or the other way round.
    """
    if (state is None) == keeps_state(method):
        raise ValueError(f"the method {'lacks its own state' if state is None else 'has no state of its own any more'}")
    if state is not None:
        kept: Any = method
        kept.load_state_dict(state)
