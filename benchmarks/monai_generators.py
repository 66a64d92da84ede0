"""Two networks of MONAI as generators, in one file: ``i2i --plugin benchmarks/monai_generators.py plugins list``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from i2i.plugins import GeneratorSpec, Options, hookimpl

if TYPE_CHECKING:
    from torch import nn

DOWNS = 4


class UNetOptions(Options):
    """Options of ``monai-unet``."""

    base_channels: int = Field(
        16, ge=1, description="channels of the outermost level; each further one has twice as many"
    )
    residual_units: int = Field(2, ge=0, description="residual units in each level")


class SwinOptions(Options):
    """Options of ``monai-swin-unetr``."""

    feature_size: int = Field(12, ge=12, multiple_of=12, description="channels of the outermost level")
    blocks: int = Field(1, ge=1, description="transformer blocks in each of the four stages")


def build_unet(options: UNetOptions, *, in_channels: int, out_channels: int) -> nn.Module:
    """MONAI's UNet with four downs, and a tanh behind it."""
    from monai.networks.nets import UNet
    from torch import nn

    network = UNet(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=out_channels,
        channels=[options.base_channels * 2**level for level in range(DOWNS + 1)],
        strides=[2] * DOWNS,
        num_res_units=options.residual_units,
    )
    return nn.Sequential(network, nn.Tanh())


def build_swin(options: SwinOptions, *, in_channels: int, out_channels: int) -> nn.Module:
    """MONAI's SwinUNETR, and a tanh behind it."""
    from monai.networks.nets import SwinUNETR
    from torch import nn

    network = SwinUNETR(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=out_channels,
        feature_size=options.feature_size,
        depths=[options.blocks] * 4,
        num_heads=[1, 2, 4, 8],
    )
    return nn.Sequential(network, nn.Tanh())


@hookimpl
def i2i_generators() -> Iterable[GeneratorSpec]:
    """Return both; the instance norms at their lowest level ask for two pixels a side there."""
    return [
        GeneratorSpec(
            name="monai-unet",
            summary="MONAI's UNet with residual units and four downs (Kerfoot et al. 2018)",
            options=UNetOptions,
            build=build_unet,
            size_multiple=lambda _: 2**DOWNS,
            smallest_size=lambda _: 2 ** (DOWNS + 1),
        ),
        GeneratorSpec(
            name="monai-swin-unetr",
            summary="MONAI's SwinUNETR: shifted windows in the encoder (Hatamizadeh et al. 2022)",
            options=SwinOptions,
            build=build_swin,
            size_multiple=lambda _: 32,
            smallest_size=lambda _: 64,
        ),
    ]
