"""The built-in discriminators: their options and specs. Imports no torch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydantic import Field

from i2i.builtin.discriminators.geometry import (
    smallest_multiscale_size,
    smallest_patch_size,
    smallest_pixel_size,
)
from i2i.builtin.network_options import NetworkOptions
from i2i.plugins import DiscriminatorSpec

if TYPE_CHECKING:
    from torch import nn


class DiscriminatorOptions(NetworkOptions):
    """Options of every built-in discriminator."""

    spectral_norm: bool = Field(
        False, description="divide each convolution's weight by its largest singular value, which steadies training"
    )


class Patch70Options(DiscriminatorOptions):
    """Options of the papers' PatchGAN."""

    antialias: bool = Field(
        False,
        description="blur wherever the size is halved, as the reference code of CUT does; patches of 16, 34, 70, 142, "
        "286 and 574 px become 18, 40, 84, 172, 348 and 700",
    )


class PatchOptions(Patch70Options):
    """Options of a PatchGAN of any depth."""

    layers: int = Field(
        3,
        ge=1,
        le=6,
        description="convolutions of stride 2; 1 to 6 make a logit judge patches of 16, 34, 70, 142, 286 or 574 px",
    )


class MultiscaleOptions(PatchOptions):
    """Options of PatchGANs at several scales."""

    scales: int = Field(3, ge=1, le=6, description="discriminators, each on an image of half the size")


def _build_patch(options: Patch70Options, *, in_channels: int, layers: int | None = None) -> nn.Module:
    from i2i.builtin.discriminators.patch import PatchDiscriminator

    if layers is None:
        assert isinstance(options, PatchOptions)
        layers = options.layers
    network = PatchDiscriminator(
        in_channels,
        layers=layers,
        base_channels=options.base_channels,
        norm=options.norm,
        antialias=options.antialias,
        kernels=options.kernels,
    )
    return _finished(network, options)


def _build_pixel(options: DiscriminatorOptions, *, in_channels: int) -> nn.Module:
    from i2i.builtin.discriminators.pixel import PixelDiscriminator

    network = PixelDiscriminator(
        in_channels, base_channels=options.base_channels, norm=options.norm, kernels=options.kernels
    )
    return _finished(network, options)


def _build_multiscale(options: MultiscaleOptions, *, in_channels: int) -> nn.Module:
    from i2i.builtin.discriminators.multiscale import MultiscaleDiscriminator

    network = MultiscaleDiscriminator(
        in_channels,
        scales=options.scales,
        layers=options.layers,
        base_channels=options.base_channels,
        norm=options.norm,
        antialias=options.antialias,
        kernels=options.kernels,
    )
    return _finished(network, options)


def _patch_taps(layers: int) -> dict[str, str]:
    """The activation behind each convolution but the last, as pix2pixHD matches them."""
    return {f"layer{number + 1}": f"model.{1 + 3 * number}" for number in range(layers + 1)}


def _multiscale_taps(options: MultiscaleOptions) -> dict[str, str]:
    """Those of each scale, the finest first."""
    return {
        f"scale{scale + 1}.{name}": f"scales.{scale}.{path}"
        for scale in range(options.scales)
        for name, path in _patch_taps(options.layers).items()
    }


def _finished(network: nn.Module, options: DiscriminatorOptions) -> nn.Module:
    from i2i.builtin.layers import add_spectral_norm, initialise

    initialise(network, options.init, options.init_gain)
    if options.spectral_norm:
        add_spectral_norm(network)
    return network


SPECS: tuple[DiscriminatorSpec, ...] = (
    DiscriminatorSpec(
        name="patch70",
        summary="the papers' PatchGAN: each logit judges a patch of 70x70 px",
        options=Patch70Options,
        build=partial(_build_patch, layers=3),
        smallest_size=lambda _: smallest_patch_size(3),
        taps=lambda _: _patch_taps(3),
    ),
    DiscriminatorSpec(
        name="patch",
        summary="PatchGAN with any number of layers, for patches of 16 to 574 px",
        options=PatchOptions,
        build=_build_patch,
        smallest_size=lambda options: smallest_patch_size(options.layers),
        taps=lambda options: _patch_taps(options.layers),
    ),
    DiscriminatorSpec(
        name="pixel",
        summary="PixelGAN: judges each pixel's colour by itself",
        options=DiscriminatorOptions,
        build=_build_pixel,
        smallest_size=lambda options: smallest_pixel_size(options.norm),
        taps=lambda _: {"layer1": "net.1", "layer2": "net.4"},
    ),
    DiscriminatorSpec(
        name="multiscale",
        summary="pix2pixHD's PatchGANs at several scales, whose logits come as a list",
        options=MultiscaleOptions,
        build=_build_multiscale,
        smallest_size=lambda options: smallest_multiscale_size(options.layers, options.scales),
        taps=_multiscale_taps,
    ),
)
