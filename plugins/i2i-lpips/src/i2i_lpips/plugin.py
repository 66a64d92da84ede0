"""What i2i loads: options, builder and the hook. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from i2i.plugins import MetricSpec, Options, hookimpl

if TYPE_CHECKING:
    import torch

    from i2i_lpips.metric import PerceptualDistance

SMALLEST = {"alex": 31, "vgg": 16}
"""Of smaller images, in pixels a side, nothing is left after the pooling of a network."""


class LpipsOptions(Options):
    """Options of the metric ``lpips``."""

    network: Literal["alex", "vgg"] = Field(
        "alex", description="whose features are compared: alex is what papers measure by, vgg is closer to a loss"
    )
    weights: str | None = Field(
        None,
        description="file of the network's ImageNet weights, as torchvision keeps them; none: downloaded from "
        "download.pytorch.org into PyTorch's cache (alex 233 MB, vgg 528 MB)",
    )
    other_weights: bool = Field(
        False, description="take a file that is not torchvision's; its values compare with no others"
    )

    @field_validator("weights")
    @classmethod
    def _absolute(cls, weights: str | None) -> str | None:
        """A run may resume from another folder."""
        return None if weights is None else str(Path(weights).expanduser().absolute())


def smallest_size(options: LpipsOptions) -> int:
    """The network has to have a pixel left at its last layer."""
    return SMALLEST[options.network]


def build(options: LpipsOptions, *, device: torch.device) -> PerceptualDistance:
    """Return the distance of two batches ``[N, C, H, W]`` in [-1, 1], C 1 or 3 (Zhang et al. 2018)."""
    from i2i_lpips.metric import PerceptualDistance
    from i2i_lpips.weights import load_network

    return PerceptualDistance(*load_network(options.network, options.weights, other=options.other_weights), device)


@hookimpl
def i2i_metrics() -> Iterable[MetricSpec]:
    """Return the metrics of this package."""
    return [
        MetricSpec(
            name="lpips",
            family="pairs",
            better="lower",
            title="LPIPS",
            summary="distance in the features of a trained network (needs its weights, a download or a file)",
            options=LpipsOptions,
            build=build,
            smallest_size=smallest_size,
        )
    ]
