"""Building one component by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from i2i.errors import ConfigError
from i2i.plugins.calls import unmark
from i2i.plugins.manager import PluginManager
from i2i.plugins.specs import MetricSpec

if TYPE_CHECKING:
    import click
    import torch
    from torch import nn

    from i2i.plugins.exporter_protocol import Exporter
    from i2i.plugins.image_formats import ImageReader
    from i2i.plugins.protocols import (
        AdversarialLoss,
        Augmentation,
        Buffer,
        Dataset,
        Method,
        Parts,
        PixelLoss,
        RunObserver,
        SetMetric,
    )

CONTEXTS: Mapping[str, Mapping[str, Any]] = {
    "generator": {"in_channels": 3, "out_channels": 3},
    "discriminator": {"in_channels": 3},
    "buffer": {"generator": None},
    "method": {"parts": None},
    "dataset": {"root": None, "split": "train", "seed": 0},
    "optimizer": {"parameters": None},
    "metric": {"device": "cpu"},
    "augmentation": {"channels": (3,)},
}
"""What each kind needs to be built besides its options, with what is taken if it is not given; None must be given."""


@overload
def create(
    kind: Literal["generator"],
    name: str,
    *,
    in_channels: int = 3,
    out_channels: int = 3,
    manager: PluginManager | None = None,
    **options: Any,
) -> nn.Module: ...


@overload
def create(
    kind: Literal["discriminator"],
    name: str,
    *,
    in_channels: int = 3,
    manager: PluginManager | None = None,
    **options: Any,
) -> nn.Module: ...


@overload
def create(
    kind: Literal["loss"],
    name: str,
    *,
    manager: PluginManager | None = None,
    **options: Any,
) -> AdversarialLoss | PixelLoss | Any: ...


@overload
def create(
    kind: Literal["buffer"],
    name: str,
    *,
    generator: torch.Generator,
    manager: PluginManager | None = None,
    **options: Any,
) -> Buffer: ...


@overload
def create(
    kind: Literal["method"],
    name: str,
    *,
    parts: Parts,
    manager: PluginManager | None = None,
    **options: Any,
) -> Method: ...


@overload
def create(
    kind: Literal["dataset"],
    name: str,
    *,
    root: str | Path,
    split: Literal["train", "test"] = "train",
    seed: int = 0,
    manager: PluginManager | None = None,
    **options: Any,
) -> Dataset: ...


@overload
def create(
    kind: Literal["optimizer"],
    name: str,
    *,
    parameters: Iterable[torch.Tensor],
    manager: PluginManager | None = None,
    **options: Any,
) -> torch.optim.Optimizer: ...


@overload
def create(
    kind: Literal["metric"],
    name: str,
    *,
    device: str | torch.device = "cpu",
    manager: PluginManager | None = None,
    **options: Any,
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | SetMetric: ...


@overload
def create(
    kind: Literal["observer"],
    name: str,
    *,
    manager: PluginManager | None = None,
    **options: Any,
) -> RunObserver: ...


@overload
def create(
    kind: Literal["augmentation"],
    name: str,
    *,
    channels: Sequence[int] = (3,),
    manager: PluginManager | None = None,
    **options: Any,
) -> Augmentation: ...


@overload
def create(
    kind: Literal["exporter"],
    name: str,
    *,
    manager: PluginManager | None = None,
    **options: Any,
) -> Exporter: ...


@overload
def create(
    kind: Literal["command"],
    name: str,
    *,
    manager: PluginManager | None = None,
) -> click.Command: ...


@overload
def create(
    kind: Literal["reader"],
    name: str,
    *,
    manager: PluginManager | None = None,
    **options: Any,
) -> ImageReader: ...


@overload
def create(kind: str, name: str, *, manager: PluginManager | None = None, **arguments: Any) -> Any: ...


def create(kind: str, name: str, *, manager: PluginManager | None = None, **arguments: Any) -> Any:
    """Build one component, such as ``create("generator", "resnet9", in_channels=3, out_channels=3, base_channels=64)``.

    Args:
        kind: ``generator``, ``discriminator``, ``loss``, ``buffer``, ``method``, ``dataset``, ``optimizer``,
            ``metric``, ``observer``, ``augmentation``, ``exporter``, ``command`` or ``reader``.
        name: its name.
        manager: the plugins to take it from; those that are installed if not given.
        arguments: its options, and what its kind needs to be built: ``in_channels`` and ``out_channels`` for a
            generator (3 unless given), ``in_channels`` for a discriminator (3 unless given), ``generator`` (a
            ``torch.Generator``) for a buffer, ``parts`` for a method, ``root``, ``split`` and ``seed`` for a data set,
            ``parameters`` for an optimiser, ``device`` for a metric (the CPU unless given) and, where it learns,
            ``training`` (a :class:`~i2i.plugins.protocols.TrainingImages`) and ``direction``; ``channels`` for an
            augmentation (``(3,)`` unless given).

    Raises:
        PluginError: there is no such component, or its plugin is broken.
        ConfigError: an option is wrong.
    """
    import torch

    from i2i.config.components import create as create_component

    manager = manager or PluginManager()
    wanted = dict(CONTEXTS.get(kind, {}))
    if kind == MetricSpec.kind and manager.spec(MetricSpec, name).learns:
        wanted |= {"training": None, "direction": None}
    context = {key: arguments.pop(key, value) for key, value in wanted.items()}
    missing = [key for key, value in context.items() if value is None]
    if missing:
        raise ConfigError(f"create({kind!r}, {name!r}) needs {', '.join(missing)}")
    if "device" in context:
        context["device"] = torch.device(context["device"])
    created = create_component(manager, kind, name, context, arguments)
    unmark(created)
    return created
