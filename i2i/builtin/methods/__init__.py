"""The built-in methods: their options and specs. Imports no torch."""

from __future__ import annotations

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


def _cyclegan_pairing(options: CycleGANOptions) -> Pairing:
    return "partners" if options.lambda_paired > 0 else "unpaired"


def _pix2pix_pairing(_: Pix2PixOptions) -> Pairing:
    return "paired"


def _build_cyclegan(options: CycleGANOptions, *, parts: Any) -> Any:
    from i2i.builtin.methods.cyclegan import CycleGAN

    return CycleGAN(options, parts)


def _build_pix2pix(options: Pix2PixOptions, *, parts: Any) -> Any:
    from i2i.builtin.methods.pix2pix import Pix2Pix

    return Pix2Pix(options, parts)


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
    ),
    MethodSpec(
        name="pix2pix",
        summary="paired, one direction: conditional adversarial term + L1 (Isola et al. 2017)",
        options=Pix2PixOptions,
        build=_build_pix2pix,
        pairing=_pix2pix_pairing,
        defaults={
            "generator": {"name": "unet256", "norm": "batch", "dropout": True},
            "discriminator": {"name": "patch70", "norm": "batch"},
            "loss": {"name": "gan"},
            "buffer": {"name": "none"},
        },
    ),
)
