"""The built-in methods: their options and specs. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from i2i.plugins import MethodSpec, Options
from i2i.plugins.specs import Pairing


class CycleGANOptions(Options):
    """Options of ``cyclegan``."""

    lambda_A: float = Field(10.0, ge=0, allow_inf_nan=False, description="weight of the cycle term A -> B -> A")  # noqa: N815
    lambda_B: float = Field(10.0, ge=0, allow_inf_nan=False, description="weight of the cycle term B -> A -> B")  # noqa: N815
    lambda_identity: float = Field(
        0.5,
        ge=0,
        allow_inf_nan=False,
        description="weight of the identity terms, relative to lambda_A and lambda_B; 0 saves their cost",
    )
    lambda_paired: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="weight of the pixel loss to the true partner, for images of A and B that share a stem; "
        "above 0 the training is semi-paired",
    )


class Pix2PixOptions(Options):
    """Options of ``pix2pix``."""

    lambda_L1: float = Field(  # noqa: N815
        100.0, ge=0, allow_inf_nan=False, description="weight of the pixel loss (L1 unless --pixel-loss names another)"
    )
    feature_matching: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="weight of the distance to the target in the discriminator's inner layers; pix2pixHD takes 10",
    )


class ContrastOptions(Options):
    """Options of the methods that contrast patches."""

    lambda_NCE: float = Field(1.0, ge=0, allow_inf_nan=False, description="weight of the contrastive terms")  # noqa: N815
    nce_identity: bool = Field(
        True, description="contrast images of B with their own translations, too; the weight is shared half and half"
    )
    taps: str = Field(
        "",
        description="the generator's inner layers that are contrasted, separated by commas; empty: pixels, down1, "
        "down2, block1, block5 where it has all of these, else all that it names",
    )
    patches: int = Field(256, ge=2, description="places of each layer that are contrasted, at most all of them")
    temperature: float = Field(
        0.07, ge=0.001, le=10, allow_inf_nan=False, description="what similarities are divided by"
    )
    projection_channels: int = Field(256, ge=1, le=4096, description="length of the vectors that are compared")


class CUTOptions(ContrastOptions):
    """Options of ``cut``."""

    flip_equivariance: bool = Field(
        False, description="translate mirrored images in half of the steps; the contrast is with the images as they are"
    )


class FastCUTOptions(CUTOptions):
    """Options of ``fastcut``: those of ``cut`` with other defaults."""

    lambda_NCE: float = Field(10.0, ge=0, allow_inf_nan=False, description="weight of the contrastive term")  # noqa: N815
    nce_identity: bool = Field(
        False, description="contrast images of B with their own translations, too; the weight is shared half and half"
    )
    flip_equivariance: bool = Field(
        True, description="translate mirrored images in half of the steps; the contrast is with the images as they are"
    )


class ASPOptions(ContrastOptions):
    """Options of ``asp``."""

    lambda_NCE: float = Field(10.0, ge=0, allow_inf_nan=False, description="weight of the contrast to the input")  # noqa: N815
    nce_identity: bool = Field(
        False, description="contrast images of B with their own translations, too; the weight is shared half and half"
    )
    lambda_ASP: float = Field(  # noqa: N815
        10.0, ge=0, allow_inf_nan=False, description="weight of the adaptive contrast to the target"
    )
    lambda_pixel: float = Field(
        2.5,
        ge=0,
        allow_inf_nan=False,
        description="weight of the pixel loss to the target (pyramid-l1 unless --pixel-loss names another)",
    )
    adapt_from: float = Field(
        0.75,
        ge=0,
        le=1,
        description="share of the run's budget after which places begin to count by how alike target and translation "
        "are there, at its end by that alone; 0: from the start on, 1: never",
    )


def _cyclegan_pairing(options: CycleGANOptions) -> Pairing:
    return "partners" if options.lambda_paired > 0 else "unpaired"


def _paired(_: Options) -> Pairing:
    return "paired"


def _unpaired(_: Options) -> Pairing:
    return "unpaired"


def _cyclegan_compares(options: CycleGANOptions) -> bool:
    return options.lambda_A > 0 or options.lambda_B > 0 or options.lambda_paired > 0


def _pix2pix_compares(options: Pix2PixOptions) -> bool:
    return options.lambda_L1 > 0


def _asp_compares(options: ASPOptions) -> bool:
    return options.lambda_pixel > 0


def _build_cyclegan(options: CycleGANOptions, *, parts: Any) -> Any:
    from i2i.builtin.methods.cyclegan import CycleGAN

    return CycleGAN(options, parts)


def _build_pix2pix(options: Pix2PixOptions, *, parts: Any) -> Any:
    from i2i.builtin.methods.pix2pix import Pix2Pix

    return Pix2Pix(options, parts)


def _build_cut(options: CUTOptions, *, parts: Any) -> Any:
    from i2i.builtin.methods.cut import CUT

    return CUT(options, parts, flip_equivariance=options.flip_equivariance)


def _build_asp(options: ASPOptions, *, parts: Any) -> Any:
    from i2i.builtin.methods.asp import ASP

    return ASP(options, parts)


_OF_CUT: Mapping[str, Mapping[str, Any]] = {
    "generator": {"name": "resnet9", "norm": "instance", "dropout": False, "init": "xavier"},
    "discriminator": {"name": "patch70", "norm": "instance", "init": "xavier"},
    "loss": {"name": "lsgan"},
    "buffer": {"name": "none"},
}
"""What both start from, as in the reference implementation."""

SPECS: tuple[MethodSpec, ...] = (
    MethodSpec(
        name="cyclegan",
        summary="unpaired, both directions: adversarial + cycle + identity terms (Zhu et al. 2017); semi-paired too",
        options=CycleGANOptions,
        build=_build_cyclegan,
        pairing=_cyclegan_pairing,
        defaults={
            "generator": {"name": "resnet9", "norm": "instance", "dropout": False},
            "discriminator": {"name": "patch70", "norm": "instance"},
            "loss": {"name": "lsgan"},
            "buffer": {"name": "replay"},
        },
        pixel_loss=_cyclegan_compares,
    ),
    MethodSpec(
        name="pix2pix",
        summary="paired, one direction: conditional adversarial term + L1 (Isola et al. 2017)",
        options=Pix2PixOptions,
        build=_build_pix2pix,
        pairing=_paired,
        defaults={
            "generator": {"name": "unet256", "norm": "batch", "dropout": True},
            "discriminator": {"name": "patch70", "norm": "batch"},
            "loss": {"name": "gan"},
            "buffer": {"name": "none"},
        },
        pixel_loss=_pix2pix_compares,
    ),
    MethodSpec(
        name="cut",
        summary="unpaired, one direction: adversarial + contrastive terms between patches (Park et al. 2020)",
        options=CUTOptions,
        build=_build_cut,
        pairing=_unpaired,
        defaults=_OF_CUT,
        pixel_loss=False,
    ),
    MethodSpec(
        name="fastcut",
        summary="the lighter cut: mirrored images in place of contrast with B itself (Park et al. 2020)",
        options=FastCUTOptions,
        build=_build_cut,
        pairing=_unpaired,
        defaults=_OF_CUT,
        pixel_loss=False,
    ),
    MethodSpec(
        name="asp",
        summary="pairs that do not lie on each other, one direction: cut + a contrast to the target (Li et al. 2023)",
        options=ASPOptions,
        build=_build_asp,
        pairing=_paired,
        defaults={
            **_OF_CUT,
            "generator": {**_OF_CUT["generator"], "name": "resnet6"},
            "discriminator": {
                **_OF_CUT["discriminator"],
                "name": "patch",
                "layers": 5,
                "base_channels": 32,
                "spectral_norm": True,
            },
            "pixel_loss": {"name": "pyramid-l1"},
        },
        pixel_loss=_asp_compares,
    ),
)
