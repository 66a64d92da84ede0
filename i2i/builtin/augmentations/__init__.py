"""The built-in augmentations of what discriminators see: their options and specs. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field, model_validator

from i2i.plugins import AugmentationSpec, Options


class DiffAugmentOptions(Options):
    """Options of ``diffaugment``."""

    color: float = Field(
        1.0,
        ge=0,
        le=1,
        description="strength of brightness, saturation and contrast, 1 as in the paper; 0: none, as for images whose "
        "channels are no colours",
    )
    translation: float = Field(0.125, ge=0, lt=1, description="largest shift, as a share of the side; 0: none")
    cutout: float = Field(0.5, ge=0, lt=1, description="side of the square that is erased, as a share; 0: none")
    probability: float | None = Field(
        None,
        ge=0,
        le=1,
        description="with which an image gets each of the three, on its own; none: 1, or, where it adapts, from 0 on",
    )
    adapt: bool = Field(
        False,
        description="move the probability with how sure the discriminators are of real images (Karras et al. 2020)",
    )
    target: float = Field(
        0.6, gt=-1, lt=1, description="mean sign of the logits on real images that adapting aims at, r_t in the paper"
    )
    span: float = Field(
        0.1, gt=0, le=1, description="share of the run's budget in which the probability can go from 0 to 1"
    )

    @model_validator(mode="after")
    def _of_use(self) -> DiffAugmentOptions:
        """Refuse what only adapting looks at; a resolved configuration holds the defaults of all."""
        for name in ("target", "span"):
            value = getattr(self, name)
            if not self.adapt and value != type(self).model_fields[name].default:
                raise ValueError(f"{name} is for adapting, and would do nothing; got {value:g}; set adapt=true as well")
        return self


def _build_diffaugment(options: DiffAugmentOptions, *, channels: Sequence[int]) -> Any:
    from i2i.builtin.augmentations.diffaugment import AdaptiveDiffAugment, DiffAugment

    return (AdaptiveDiffAugment if options.adapt else DiffAugment)(options, channels)


SPECS: tuple[AugmentationSpec, ...] = (
    AugmentationSpec(
        name="diffaugment",
        summary="colour, shifts and erased squares for training with few images (Zhao et al. 2020), fixed or adapted",
        options=DiffAugmentOptions,
        build=_build_diffaugment,
    ),
)
