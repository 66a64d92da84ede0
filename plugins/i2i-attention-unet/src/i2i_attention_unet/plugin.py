"""What i2i loads: the options of the generator and its spec. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from i2i.plugins import GeneratorSpec, Options, hookimpl

if TYPE_CHECKING:
    from torch import nn


class AttentionUNetOptions(Options):
    """Options of the generator ``attention-unet``."""

    base_channels: int = Field(
        64, ge=1, le=1024, description="channels at half resolution; doubled per level, up to x8"
    )
    downs: int = Field(5, ge=2, le=10, description="times that width and height are halved")
    norm: Literal["instance", "batch", "none"] = Field("instance", description="normalisation after a convolution")
    dropout: bool = Field(False, description="dropout of 0.5 in the decoder's three coarsest levels")
    upsample: Literal["deconv", "resize"] = Field(
        "deconv", description="transposed convolution, or nearest resize and convolution, which draws no checkerboard"
    )
    gate_first_skip: bool = Field(
        True, description="gate the skip of the finest level as well; the paper leaves it open"
    )


def build(options: AttentionUNetOptions, *, in_channels: int, out_channels: int) -> nn.Module:
    """Return the initialised network."""
    from i2i_attention_unet.network import AttentionUNet

    return AttentionUNet(
        in_channels,
        out_channels,
        base_channels=options.base_channels,
        downs=options.downs,
        norm=options.norm,
        dropout=options.dropout,
        upsample=options.upsample,
        gate_first_skip=options.gate_first_skip,
    )


@hookimpl
def i2i_generators() -> Iterable[GeneratorSpec]:
    """Return the one generator of this package."""
    return [
        GeneratorSpec(
            name="attention-unet",
            summary="U-Net whose skip connections pass attention gates (Oktay et al. 2018)",
            options=AttentionUNetOptions,
            build=build,
            size_multiple=lambda options: int(2**options.downs),
        )
    ]
