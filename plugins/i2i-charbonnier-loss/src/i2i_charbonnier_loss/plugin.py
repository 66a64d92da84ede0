"""What i2i loads: options, builders and the hook. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from i2i.plugins import LossSpec, Options, hookimpl

if TYPE_CHECKING:
    from i2i_charbonnier_loss.losses import CharbonnierLoss, EdgeLoss


class CharbonnierOptions(Options):
    """Options of the pixel loss ``charbonnier``."""

    epsilon: float = Field(
        1e-3, ge=1e-6, le=2, description="differences below it count squared, above it as in L1; images are in [-1, 1]"
    )


class EdgeOptions(CharbonnierOptions):
    """Options of the pixel loss ``edge``."""

    edge_weight: float = Field(0.05, ge=0, le=100, description="weight of the edge maps, beside 1 for the images")


def build_charbonnier(options: CharbonnierOptions) -> CharbonnierLoss:
    """Return the distance of two images ``[N, C, H, W]`` in [-1, 1] (Charbonnier et al. 1994; Lai et al. 2017)."""
    from i2i_charbonnier_loss.losses import CharbonnierLoss

    return CharbonnierLoss(options.epsilon)


def build_edge(options: EdgeOptions) -> EdgeLoss:
    """Return the distance of two images ``[N, C, H, W]`` in [-1, 1] and of their edges (Zamir et al. 2021)."""
    from i2i_charbonnier_loss.losses import EdgeLoss

    return EdgeLoss(options.epsilon, options.edge_weight)


@hookimpl
def i2i_losses() -> Iterable[LossSpec]:
    """Return the losses of this package."""
    return [
        LossSpec(
            name="charbonnier",
            family="pixel",
            summary="L1 with a rounded tip of width epsilon (Charbonnier et al. 1994; Lai et al. 2017)",
            options=CharbonnierOptions,
            build=build_charbonnier,
        ),
        LossSpec(
            name="edge",
            family="pixel",
            summary="Charbonnier distance of the images, and of their edges (Zamir et al. 2021)",
            options=EdgeOptions,
            build=build_edge,
        ),
    ]
