"""The built-in optimisers: their options and specs. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from i2i.plugins import OptimizerSpec, Options


class AdamOptions(Options):
    """Options of ``adam``; the defaults are both papers'."""

    learning_rate: float = Field(2e-4, gt=0, allow_inf_nan=False, description="Adam's step size before any schedule")
    beta1: float = Field(0.5, ge=0, lt=1, description="decay of Adam's first moment")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of Adam's second moment")


class AdamWOptions(AdamOptions):
    """Options of ``adamw``."""

    weight_decay: float = Field(
        1e-2, ge=0, allow_inf_nan=False, description="how much of each weight goes away a step, times the learning rate"
    )


def _build_adam(options: AdamOptions, *, parameters: Iterable[Any]) -> Any:
    from torch.optim import Adam

    return Adam(parameters, lr=options.learning_rate, betas=(options.beta1, options.beta2))


def _build_adamw(options: AdamWOptions, *, parameters: Iterable[Any]) -> Any:
    from torch.optim import AdamW

    betas = (options.beta1, options.beta2)
    return AdamW(parameters, lr=options.learning_rate, betas=betas, weight_decay=options.weight_decay)


SPECS: tuple[OptimizerSpec, ...] = (
    OptimizerSpec(
        name="adam",
        summary="steps by the mean and the variance of each gradient, as in both papers (Kingma and Ba 2015)",
        options=AdamOptions,
        build=_build_adam,
    ),
    OptimizerSpec(
        name="adamw",
        summary="adam with weights that decay apart from the gradient (Loshchilov and Hutter 2019)",
        options=AdamWOptions,
        build=_build_adamw,
    ),
)
