"""The built-in losses: their options and specs. Imports no torch."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from i2i.plugins import LossSpec, Options

R1_EVERY = 16
"""Steps between two R1 penalties in StyleGAN2."""


class R1Options(Options):
    """Options of the losses that the R1 penalty may be added to."""

    r1: float = Field(
        0.0,
        ge=0.0,
        allow_inf_nan=False,
        description="weight of the R1 penalty on the discriminators' gradients at real images, gamma in the paper; "
        "0: none",
    )
    r1_every: int = Field(
        R1_EVERY,
        ge=1,
        description="steps from one R1 penalty to the next, each counting as many times; 1: in every step",
    )

    @field_validator("r1_every")
    @classmethod
    def _every_is_for_r1(cls, every: int, info: ValidationInfo) -> int:
        if every != R1_EVERY and info.data.get("r1") == 0:
            raise ValueError("r1_every is for r1 above 0 only; add loss.r1=1, or leave it out")
        return every


class LabelOptions(R1Options):
    """Options of the losses that compare logits with a label."""

    real_label: float = Field(1.0, ge=0.0, le=1.2, description="target for real images; 0.9 smooths the labels")
    fake_label: float = Field(0.0, ge=-0.2, le=1.0, description="target for fakes")


class WassersteinOptions(Options):
    """Options of ``wgan-gp``."""

    penalty_weight: float = Field(
        10.0, ge=0.0, allow_inf_nan=False, description="weight of the gradient penalty, lambda in the paper"
    )


class HuberOptions(Options):
    """Options of ``huber``."""

    delta: float = Field(
        0.1, gt=0.0, allow_inf_nan=False, description="error, on the scale of [-1, 1], at which the loss turns linear"
    )


class PyramidOptions(Options):
    """Options of ``pyramid-l1``."""

    halvings: int = Field(
        5,
        ge=1,
        le=8,
        description="how often the size is halved; images must be larger than 2 to this power, and a shift of about "
        "that many pixels counts little",
    )


def _with_r1(loss: Any, options: R1Options) -> Any:
    from i2i.builtin.losses.r1 import R1Loss

    return R1Loss(loss, options.r1, options.r1_every) if options.r1 > 0 else loss


def _build_cross_entropy(options: LabelOptions) -> Any:
    from i2i.builtin.losses.adversarial import CrossEntropyLoss

    return _with_r1(CrossEntropyLoss(options.real_label, options.fake_label), options)


def _build_least_squares(options: LabelOptions) -> Any:
    from i2i.builtin.losses.adversarial import LeastSquaresLoss

    return _with_r1(LeastSquaresLoss(options.real_label, options.fake_label), options)


def _build_hinge(options: R1Options) -> Any:
    from i2i.builtin.losses.adversarial import HingeLoss

    return _with_r1(HingeLoss(), options)


def _build_wasserstein(options: WassersteinOptions) -> Any:
    from i2i.builtin.losses.adversarial import WassersteinLoss

    return WassersteinLoss(options.penalty_weight)


def _build_l1(_: Options) -> Any:
    from torch.nn import L1Loss

    return L1Loss()


def _build_l2(_: Options) -> Any:
    from torch.nn import MSELoss

    return MSELoss()


def _build_huber(options: HuberOptions) -> Any:
    from torch.nn import HuberLoss

    return HuberLoss(delta=options.delta)


def _build_pyramid_l1(options: PyramidOptions) -> Any:
    from i2i.builtin.losses.pyramid_l1 import PyramidL1Loss

    return PyramidL1Loss(options.halvings)


SPECS: tuple[LossSpec, ...] = (
    LossSpec(
        name="gan",
        family="adversarial",
        summary="cross-entropy on logits (Goodfellow et al. 2014, non-saturating), pix2pix's default",
        options=LabelOptions,
        build=_build_cross_entropy,
    ),
    LossSpec(
        name="lsgan",
        family="adversarial",
        summary="least squares (Mao et al. 2017), CycleGAN's default and the steadier choice",
        options=LabelOptions,
        build=_build_least_squares,
    ),
    LossSpec(
        name="hinge",
        family="adversarial",
        summary="hinge (Lim and Ye 2017), goes well with spectral norm",
        options=R1Options,
        build=_build_hinge,
    ),
    LossSpec(
        name="wgan-gp",
        family="adversarial",
        summary="Wasserstein with gradient penalty (Gulrajani et al. 2017), the penalty applied in second order",
        options=WassersteinOptions,
        build=_build_wasserstein,
    ),
    LossSpec(name="l1", family="pixel", summary="mean absolute error, both papers' default", build=_build_l1),
    LossSpec(name="l2", family="pixel", summary="mean squared error, blurrier than l1", build=_build_l2),
    LossSpec(
        name="huber",
        family="pixel",
        summary="squared near zero, linear beyond delta",
        options=HuberOptions,
        build=_build_huber,
    ),
    LossSpec(
        name="pyramid-l1",
        family="pixel",
        summary="mean absolute error at several sizes, coarse ones first, for pairs that are a little out of place",
        options=PyramidOptions,
        build=_build_pyramid_l1,
        smallest_size=lambda options: int(2**options.halvings) + 1,
    ),
)
