"""What a translator is and where it comes from, as a record that people and files can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from i2i.images.limits import Color
from i2i.models.scores import values_to_json
from i2i.plugins.directions import Direction

PICTURE_CHANNELS = (1, 3)
Inference = Literal["deterministic", "paper"]


@dataclass(frozen=True)
class TranslatorInfo:
    """What a translator is and where it comes from.

    Attributes:
        checkpoint: its folder, or its file.
        step: training steps done, or ``None`` where nobody knows, as for a converted file.
        method: the training method, or ``None`` where the checkpoint does not say.
        direction: which domain it translates into which, as the run named them.
        directions: all directions of the checkpoint.
        domains: readable names of the source and the target domain.
        generator: the generator's name.
        options: its options.
        package: the package and version that brought the generator when it was trained.
        versions: the versions that are installed now, of i2i, torch and the generator's package.
        moving_average: whether the weights are a moving average.
        in_channels: channels of the images that go in.
        out_channels: channels of the images that come out.
        value_range: least and greatest value of the network's images.
        size_multiple: what the network wants heights and widths to be multiples of; images are padded to it.
        smallest_size: the least height and width it takes; smaller images are padded to it, and all to 16 pixels.
        background: the colour ``#rrggbb`` that transparent images are laid over.
        max_pixels: files with more pixels are refused.
        inference: ``"deterministic"``, or ``"paper"``: dropout stays on and batch norm takes the image's statistics.
        metrics: the held-out metrics of this direction at this step, with their identity baselines.
        notes: what a person should know before relying on it.
        chosen: where a run folder was named: which of its checkpoints it is, the latest or the best, and how to have
            the other; else empty.
        in_range: the values that are -1 and 1 of the images that go in, in the units of their files; ``None``: they are
            pictures, grey or RGB.
        out_range: the same of the images that come out.
        out_type: the type of the values that come out, by numpy's name, where they are no pictures; else empty.
        title: what its run is called, where a person said so.
        color: what is made of colour profiles: ``keep``, the numbers count; ``srgb``, they are applied.
        in_opacity: whether the last channel of the images that go in is opacity, see :mod:`~i2i.images.opacity`.
        out_opacity: the same of the images that come out.
        readers: formats of image files that the run read by a package or with options: name and options of each.
    """

    checkpoint: Path
    step: int | None
    method: str | None
    direction: Direction
    directions: tuple[Direction, ...]
    domains: tuple[str, str]
    generator: str
    options: Mapping[str, Any]
    package: str
    versions: Mapping[str, str]
    moving_average: bool
    in_channels: int
    out_channels: int
    value_range: tuple[float, float]
    size_multiple: int
    background: str
    max_pixels: int
    inference: Inference
    metrics: Mapping[str, float]
    notes: tuple[str, ...] = ()
    chosen: str = ""
    smallest_size: int = 1
    in_range: tuple[float, float] | None = None
    out_range: tuple[float, float] | None = None
    out_type: str = ""
    in_opacity: bool = False
    out_opacity: bool = False
    readers: tuple[Mapping[str, Any], ...] = ()
    title: str = ""
    color: Color = "keep"

    @property
    def takes_pictures(self) -> bool:
        """Whether grey or RGB pictures go in and come out."""
        pictures = self.in_range is None and self.out_range is None
        return pictures and self.in_channels in PICTURE_CHANNELS and self.out_channels in PICTURE_CHANNELS

    @property
    def origin(self) -> str:
        """Where it comes from, for messages: ``"step 1200 of runs/NAME/checkpoints/step-00001200 (the latest)"``."""
        place = str(self.checkpoint) if self.step is None else f"step {self.step} of {self.checkpoint}"
        if self.moving_average:
            place = f"moving average {'in' if self.step is None else 'at'} {place}"
        return f"{place} ({self.chosen})" if self.chosen else place

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, fit for JSON; see :func:`~i2i.models.scores.values_to_json`."""
        return {**asdict(self), "checkpoint": str(self.checkpoint), "metrics": values_to_json(self.metrics)}
