"""The options of a run by name, and the setting that each of them is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from i2i.api.arguments import Settings, plain, plain_settings

if TYPE_CHECKING:
    from i2i.config.layers import Layer

SETTING_OF: Mapping[str, tuple[str, str]] = {
    "data": ("data", "root"),
    "method": ("method", "name"),
    "generator": ("generator", "name"),
    "discriminator": ("discriminator", "name"),
    "loss": ("loss", "name"),
    "pixel_loss": ("pixel_loss", "name"),
    "buffer": ("buffer", "name"),
    "optimizer": ("optimizer", "name"),
    "steps": ("training", "steps"),
    "epochs": ("training", "epochs"),
    "minutes": ("training", "minutes"),
    "image_size": ("data", "image_size"),
    "batch_size": ("training", "batch_size"),
    "accumulate": ("training", "accumulate"),
    "seed": ("training", "seed"),
    "device": ("training", "device"),
    "precision": ("training", "precision"),
    "workers": ("training", "workers"),
    "direction": ("data", "direction"),
    "title": ("training", "title"),
    "keep": ("training", "keep"),
    "skip_bad": ("data", "skip_bad"),
    "metric": ("metrics", "name"),
    "observer": ("observers", "name"),
    "augment": ("augmentations", "name"),
    "init_from": ("training", "init_from"),
    "freeze": ("training", "freeze"),
}
"""Section and option of the configuration, by the name of the option that sets it."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a person gives to a run; see :func:`i2i.run`. ``None`` leaves an option to the file, preset or default.

    Attributes:
        set: further settings, by section and option.
    """

    data: str | Path | None = None
    method: str | None = None
    generator: str | None = None
    discriminator: str | Sequence[str] | None = None
    loss: str | None = None
    pixel_loss: str | Sequence[str] | None = None
    buffer: str | None = None
    optimizer: str | None = None
    steps: int | None = None
    epochs: float | None = None
    minutes: float | None = None
    image_size: int | None = None
    batch_size: int | None = None
    accumulate: int | None = None
    seed: int | None = None
    device: str | None = None
    precision: str | None = None
    workers: int | None = None
    direction: str | None = None
    title: str | None = None
    keep: int | None = None
    skip_bad: bool | None = None
    metric: str | Sequence[str] | None = None
    observer: str | Sequence[str] | None = None
    augment: str | Sequence[str] | None = None
    init_from: str | Path | Sequence[str | Path] | None = None
    freeze: str | Sequence[str] | None = None
    set: Settings = ()

    def to_layer(self) -> Layer:
        """Sort the options into sections, as Python's plain values.

        Raises:
            ConfigError: ``set`` gives one of them another value, or is not of the form ``section.option=value``.
        """
        from i2i.config.layers import layer_from_settings, merge_once

        layer: Layer = {}
        for name, (section, option) in SETTING_OF.items():
            value = plain(getattr(self, name))
            if value is None:
                continue
            if name == "data":
                value = str(value)
            elif name in ("observer", "metric", "augment", "freeze") and isinstance(value, str):
                value = [value]
            elif name == "init_from":
                value = [str(model) for model in ([value] if isinstance(value, str | Path) else value)]
            layer.setdefault(section, {})[option] = value
        return merge_once(layer_from_settings(plain_settings(self.set)), layer)
