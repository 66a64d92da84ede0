"""What i2i loads: options, builder and the hook. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from i2i.plugins import MetricSpec, Options, hookimpl

if TYPE_CHECKING:
    import torch

    from i2i_ms_ssim.metric import MultiScaleSimilarity

HALVINGS = 4
"""Between the five scales."""


class MultiScaleSimilarityOptions(Options):
    """Options of the metric ``ms-ssim``."""

    window: int = Field(
        11, ge=3, le=31, description="width of the Gaussian window, odd; images need 16 (window - 1) + 1 pixels a side"
    )
    sigma: float = Field(1.5, ge=0.1, le=10, description="deviation of the Gaussian window, in pixels")

    @field_validator("window")
    @classmethod
    def _odd(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError(f"must be odd, to have a middle; take {window - 1} or {window + 1}")
        return window


def smallest_size(options: MultiScaleSimilarityOptions) -> int:
    """The window has to move at the coarsest scale, too."""
    side: int = (options.window - 1) * 2**HALVINGS + 1
    return side


def build(options: MultiScaleSimilarityOptions, *, device: torch.device) -> MultiScaleSimilarity:
    """Return the similarity of two batches ``[N, C, H, W]`` in [-1, 1] (Wang, Simoncelli and Bovik 2003)."""
    from i2i_ms_ssim.metric import MultiScaleSimilarity

    return MultiScaleSimilarity(options.window, options.sigma, device)


@hookimpl
def i2i_metrics() -> Iterable[MetricSpec]:
    """Return the metrics of this package."""
    return [
        MetricSpec(
            name="ms-ssim",
            family="pairs",
            better="higher",
            title="MS-SSIM",
            summary="structural similarity at five scales, up to 1",
            options=MultiScaleSimilarityOptions,
            build=build,
            smallest_size=smallest_size,
        )
    ]
