"""Where translations come from that are measured: a translator, as here, or anything that has the same members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from i2i.errors import ConfigError
from i2i.evaluation.evaluated_data import DomainImages, EvaluatedImage
from i2i.translation.translator import Translator


class Translations(Protocol):
    """What is measured."""

    @property
    def device(self) -> torch.device:
        """Where metrics measure."""

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know before quoting a number."""

    def require(self, images: DomainImages) -> None:
        """Find out, before anything is measured, whether there can be translations of these images.

        Raises:
            I2IError: there cannot; the message says why.
        """

    def of(self, images: Sequence[EvaluatedImage]) -> list[Tensor]:
        """The translations of images, each ``[1, C, H, W]`` in [-1, 1]."""

    def about(self) -> dict[str, Any]:
        """Where they come from: ``checkpoint``, ``chosen``, ``step``, ``generator``, ``direction``, ``domains``."""

    def protocol(self) -> dict[str, Any]:
        """How they were computed."""


@dataclass(frozen=True)
class OfTranslator:
    """What a translator makes of images."""

    translator: Translator

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.translator.device

    @property
    def notes(self) -> Sequence[str]:
        """Those of the model."""
        return self.translator.info.notes

    def require(self, images: DomainImages) -> None:
        """Raise a ConfigError for images of other channels than the model takes."""
        found, wanted = images.channels, self.translator.info.in_channels
        if found != wanted:
            raise ConfigError(
                f"the model takes images of {wanted} channels, but the data set gives {found}; read them as the model "
                f"wants, with --set data.channels_A={wanted} (or channels_B)"
            )

    def of(self, images: Sequence[EvaluatedImage]) -> list[Tensor]:
        """Translate images."""
        return self.translator.translate([image[None] for _, image, _ in images])

    def about(self) -> dict[str, Any]:
        """The model."""
        info = self.translator.info
        return {
            "checkpoint": str(info.checkpoint),
            "chosen": info.chosen,
            "step": info.step,
            "generator": info.generator,
            "direction": info.direction,
            "domains": list(info.domains),
        }

    def protocol(self) -> dict[str, Any]:
        """How it computes."""
        return {"inference": self.translator.info.inference, "precision": self.translator.precision}
