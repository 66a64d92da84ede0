"""The built-in generators: their options and specs. Imports no torch."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationInfo, field_validator

from i2i.builtin.network_options import NetworkOptions, Upsample
from i2i.errors import ConfigError
from i2i.plugins import GeneratorSpec

if TYPE_CHECKING:
    from torch import nn


RESNET_SIZE_MULTIPLE = 4
"""Two convolutions of stride 2 halve the size and two upsamplings restore it."""

RESNET_SMALLEST_SIZE = 8
"""A quarter of it is 2x2: reflection by one pixel and instance norm both need more than one."""


class GeneratorOptions(NetworkOptions):
    """Options of every built-in generator."""

    affine: bool = Field(False, description="give instance norm a learnt scale and shift")
    dropout: bool = Field(
        False,
        description="drop half of the inner activations while training: in every residual block, or between a U-Net's "
        "levels of full width, which it has from 6 downs on",
    )
    upsample: Upsample = Field(
        "deconv",
        description="'deconv' is the papers' transposed convolution; 'resize' repeats pixels and convolves 3x3, "
        "which leaves no checkerboard; 'bilinear' interpolates instead of repeating, as the reference code of CUT does",
    )
    antialias: bool = Field(
        False,
        description="blur wherever the size is halved, so that fine texture does not come back as a coarse pattern; "
        "with upsample 'bilinear' a ResNet is that of the reference code of CUT",
    )
    input_skip: bool = Field(
        False,
        description="let the network change its input instead of drawing anew: it starts as the identity and keeps "
        "drawing and colour; for A and B that look alike and have as many channels",
    )
    input_skip_gain: float = Field(
        1.0,
        gt=0,
        le=100,
        allow_inf_nan=False,
        description="what input_skip multiplies the change by; more than 1 learns it faster",
    )

    @field_validator("affine")
    @classmethod
    def _affine_is_for_instance_norm(cls, affine: bool, info: ValidationInfo) -> bool:
        if affine and info.data.get("norm", "instance") != "instance":
            raise ValueError(f"affine is for norm 'instance' only; norm is {info.data['norm']!r}")
        return affine

    @field_validator("input_skip_gain")
    @classmethod
    def _gain_is_for_input_skip(cls, gain: float, info: ValidationInfo) -> float:
        if gain != 1 and info.data.get("input_skip") is False:
            raise ValueError("input_skip_gain is for input_skip only; add generator.input_skip=true, or leave it out")
        return gain


class ResnetOptions(GeneratorOptions):
    """Options of a ResNet generator of any depth."""

    blocks: int = Field(9, ge=1, le=64, description="residual blocks; the paper takes 6 at 128 px, 9 from 256 px on")


class UnetOptions(GeneratorOptions):
    """Options of a U-Net or encoder-decoder of any depth."""

    downs: int = Field(
        8, ge=2, le=10, description="how often the size is halved; images must be multiples of 2 to this power"
    )


def _build_resnet(
    options: GeneratorOptions, *, in_channels: int, out_channels: int, blocks: int | None = None
) -> nn.Module:
    from i2i.builtin.generators.resnet import ResnetGenerator

    if blocks is None:
        assert isinstance(options, ResnetOptions)
        blocks = options.blocks
    common = _common(options, in_channels, out_channels)
    return _initialised(ResnetGenerator(in_channels, out_channels, blocks=blocks, **common), options)


def _build_unet(
    options: GeneratorOptions, *, in_channels: int, out_channels: int, downs: int | None = None
) -> nn.Module:
    from i2i.builtin.generators.unet import UnetGenerator

    if downs is None:
        assert isinstance(options, UnetOptions)
        downs = options.downs
    common = _common(options, in_channels, out_channels)
    return _initialised(UnetGenerator(in_channels, out_channels, downs=downs, **common), options)


def _build_encoder_decoder(options: UnetOptions, *, in_channels: int, out_channels: int) -> nn.Module:
    from i2i.builtin.generators.encoder_decoder import EncoderDecoderGenerator

    common = _common(options, in_channels, out_channels)
    return _initialised(EncoderDecoderGenerator(in_channels, out_channels, downs=options.downs, **common), options)


def _resnet_taps(options: GeneratorOptions, blocks: int | None = None) -> dict[str, str]:
    """The padded pixels, both convolutions that halve the size, and each block: CUT's are the first three, 1 and 5."""
    if blocks is None:
        assert isinstance(options, ResnetOptions)
        blocks = options.blocks
    taps = {"pixels": "model.0", "down1": "model.4", "down2": "model.7"}
    return {**taps, **{f"block{number + 1}": f"model.{10 + number}" for number in range(blocks)}}


def _unet_taps(options: GeneratorOptions, downs: int | None = None) -> dict[str, str]:
    """Each convolution that halves the size but the innermost, which the activation behind it changes in place."""
    if downs is None:
        assert isinstance(options, UnetOptions)
        downs = options.downs
    taps, level = {"down1": "model.model.0"}, "model.model.1"
    for number in range(2, downs):
        taps[f"down{number}"] = f"{level}.model.1"
        level += ".model.3"
    return taps


def _encoder_decoder_taps(options: UnetOptions) -> dict[str, str]:
    """The layers of :func:`_unet_taps`."""
    inner = {f"down{number}": f"encoder.{3 * number - 4}" for number in range(2, options.downs)}
    return {"down1": "encoder.0", **inner}


def _common(options: GeneratorOptions, in_channels: int, out_channels: int) -> dict[str, Any]:
    """What every network is made with; the gain of the input's skip is ``None`` where there is no skip."""
    if options.input_skip and in_channels != out_channels:
        raise ConfigError(
            "generator.input_skip changes the input into the output, so both must have as many channels; got "
            f"{in_channels} and {out_channels}; leave it out, or give both as many"
        )
    common = options.model_dump(
        include={"base_channels", "norm", "affine", "dropout", "upsample", "antialias", "kernels"}
    )
    return {**common, "input_skip": options.input_skip_gain if options.input_skip else None}


def _initialised(network: nn.Module, options: GeneratorOptions) -> nn.Module:
    from i2i.builtin.layers import initialise, start_unchanged

    initialise(network, options.init, options.init_gain)
    if options.input_skip:
        start_unchanged(network)
    return network


SPECS: tuple[GeneratorSpec, ...] = (
    GeneratorSpec(
        name="resnet6",
        summary="CycleGAN's ResNet with 6 residual blocks, for images of about 128 px",
        options=GeneratorOptions,
        build=partial(_build_resnet, blocks=6),
        size_multiple=lambda _: RESNET_SIZE_MULTIPLE,
        smallest_size=lambda _: RESNET_SMALLEST_SIZE,
        taps=partial(_resnet_taps, blocks=6),
    ),
    GeneratorSpec(
        name="resnet9",
        summary="CycleGAN's ResNet with 9 residual blocks, for images of 256 px and more",
        options=GeneratorOptions,
        build=partial(_build_resnet, blocks=9),
        size_multiple=lambda _: RESNET_SIZE_MULTIPLE,
        smallest_size=lambda _: RESNET_SMALLEST_SIZE,
        taps=partial(_resnet_taps, blocks=9),
    ),
    GeneratorSpec(
        name="resnet",
        summary="CycleGAN's ResNet with any number of residual blocks",
        options=ResnetOptions,
        build=_build_resnet,
        size_multiple=lambda _: RESNET_SIZE_MULTIPLE,
        smallest_size=lambda _: RESNET_SMALLEST_SIZE,
        taps=_resnet_taps,
    ),
    GeneratorSpec(
        name="unet128",
        summary="pix2pix's U-Net for images whose sides are multiples of 128 px",
        options=GeneratorOptions,
        build=partial(_build_unet, downs=7),
        size_multiple=lambda _: 128,
        taps=partial(_unet_taps, downs=7),
    ),
    GeneratorSpec(
        name="unet256",
        summary="pix2pix's U-Net for images whose sides are multiples of 256 px",
        options=GeneratorOptions,
        build=partial(_build_unet, downs=8),
        size_multiple=lambda _: 256,
        taps=partial(_unet_taps, downs=8),
    ),
    GeneratorSpec(
        name="unet",
        summary="pix2pix's U-Net of any depth",
        options=UnetOptions,
        build=_build_unet,
        size_multiple=lambda options: int(2**options.downs),
        taps=_unet_taps,
    ),
    GeneratorSpec(
        name="encoder-decoder",
        summary="pix2pix's U-Net without skips, the paper's baseline, of any depth",
        options=UnetOptions,
        build=_build_encoder_decoder,
        size_multiple=lambda options: int(2**options.downs),
        taps=_encoder_decoder_taps,
    ),
)
