"""DiffAugment (Zhao et al. 2020), and its probability adapted as ADA does (Karras et al. 2020)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from i2i.builtin.augmentations import DiffAugmentOptions

INTERVAL = 4
"""Steps between two changes of an adapted probability, as in Karras et al. 2020."""


class DiffAugment:
    """Colour, translation and cutout, each differentiable, for every image with draws of its own.

    Source: Zhao, Liu, Lin, Zhu and Han, Differentiable augmentation for data-efficient GAN training, NeurIPS 2020, with
    the ranges of the authors' code for images in [-1, 1]:

    - colour: brightness plus U(-0.5, 0.5); saturation times U(0, 2) around the mean of the channels; contrast times
      U(0.5, 1.5) around the mean of the image. Nothing is cut off at [-1, 1].
    - translation by whole pixels, up to an eighth of the side (none below 8 pixels), with zeros outside.
    - cutout: a square of half the side becomes 0. It may lie partly outside.

    Images that are stacked, as for pix2pix, are shifted and erased alike and coloured apart.

    Args:
        options: which of them, how strong, and with what probability.
        channels: of each image that is stacked.
    """

    def __init__(self, options: DiffAugmentOptions, channels: Sequence[int]) -> None:
        self.options = options
        self.channels = list(channels)
        self.probability = 1.0 if options.probability is None else options.probability

    def __call__(self, images: Tensor, random: torch.Generator) -> Tensor:
        """Return ``[N, C, H, W]`` augmented."""
        options = self.options
        if self.probability == 0:
            return images
        if options.color > 0:
            parts = torch.split(images, self.channels, dim=1)
            images = torch.cat([self._color(part, random) for part in parts], dim=1)
        if options.translation > 0:
            images = self._translation(images, random)
        if options.cutout > 0:
            images = self._cutout(images, random)
        return images

    def _color(self, images: Tensor, random: torch.Generator) -> Tensor:
        strength = self.options.color * self._chosen(len(images), random)  # [N]
        brightness, saturation, contrast = (
            (strength * draw).to(images.device, images.dtype)[:, None, None, None]
            for draw in (
                torch.rand(len(images), generator=random) - 0.5,
                torch.rand(len(images), generator=random) * 2 - 1,
                torch.rand(len(images), generator=random) - 0.5,
            )
        )
        images = images + brightness
        grey = images.mean(dim=1, keepdim=True)
        images = (images - grey) * (1 + saturation) + grey
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        return (images - mean) * (1 + contrast) + mean

    def _translation(self, images: Tensor, random: torch.Generator) -> Tensor:
        chosen = self._chosen(len(images), random)
        shifts = []
        for side in images.shape[2:]:
            most = int(side * self.options.translation)
            shifts.append(torch.randint(-most, most + 1, (len(images),), generator=random) * chosen)
        # Padding by a negative number crops: what leaves on one side is zeros on the other.
        shifted = [
            F.pad(image, (-right, right, -down, down))
            for image, down, right in zip(images, shifts[0].tolist(), shifts[1].tolist(), strict=True)
        ]
        return torch.stack(shifted) if shifted else images

    def _cutout(self, images: Tensor, random: torch.Generator) -> Tensor:
        chosen = self._chosen(len(images), random)[:, None]
        inside = []  # by axis: which of its pixels, [N, side]
        for side in images.shape[2:]:
            size = int(side * self.options.cutout)
            first = torch.randint(0, side + 1 - size % 2, (len(images), 1), generator=random) - size // 2
            pixels = torch.arange(side)
            inside.append((pixels >= first) & (pixels < first + size) & chosen)
        erased = inside[0][:, None, :, None] & inside[1][:, None, None, :]  # [N, 1, H, W]
        return images * (~erased).to(images.device, images.dtype)

    def _chosen(self, count: int, random: torch.Generator) -> Tensor:
        """Which images get this one, bool ``[count]``; nothing is drawn where all do."""
        if self.probability == 1:
            return torch.ones(count, dtype=torch.bool)
        return torch.rand(count, generator=random) < self.probability


class AdaptiveDiffAugment(DiffAugment):
    """DiffAugment whose probability follows how sure the discriminators are of real images.

    Every fourth step it goes up where the mean sign of their logits on real images is above the target, else down, by
    as much as takes it from 0 to 1 in ``span`` of the run's budget. Source: Karras, Aittala, Hellsten, Laine, Lehtinen
    and Aila, Training generative adversarial networks with limited data, NeurIPS 2020, section 3.1, where the speed is
    500,000 images whatever the length of the run.
    """

    def __init__(self, options: DiffAugmentOptions, channels: Sequence[int]) -> None:
        super().__init__(options, channels)
        self.probability = 0.0 if options.probability is None else options.probability
        self._steps, self._confidence, self._share = 0, 0.0, 0.0  # since the last change, as sums

    def adapt(self, confidence: float, share: float) -> None:
        """Take in a step; see :class:`~i2i.plugins.protocols.AdaptiveAugmentation`."""
        self._steps += 1
        self._confidence += confidence
        self._share += share
        if self._steps < INTERVAL:
            return
        excess = self._confidence / self._steps - self.options.target
        change = math.copysign(self._share / self.options.span, excess) if excess else 0.0
        self.probability = min(1.0, max(0.0, self.probability + change))
        self._steps, self._confidence, self._share = 0, 0.0, 0.0

    def values(self) -> dict[str, float]:
        """Return the probability, as the log shows it."""
        return {"probability": self.probability}

    def state_dict(self) -> dict[str, Any]:
        """Return the probability and the sums since its last change."""
        return {
            "probability": self.probability,
            "steps": self._steps,
            "confidence": self._confidence,
            "share": self._share,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave."""
        self.probability, self._steps = state["probability"], state["steps"]
        self._confidence, self._share = state["confidence"], state["share"]
