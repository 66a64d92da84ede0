"""Adversarial losses on logits.

Each takes logits of any shape and returns a scalar to be minimised: ``discriminator(real, fake)``, ``generator(fake)``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class LabelLoss(ABC):
    """A loss that draws logits to a label: the discriminator's to the true one, the generator's to the real one.

    The discriminator's objective is halved, as both papers do to slow it relative to the generator (Isola et al. 2017,
    sec. 3.3; Zhu et al. 2017, sec. 4).

    Args:
        real_label: target for real images.
        fake_label: target for fakes.
    """

    def __init__(self, real_label: float = 1.0, fake_label: float = 0.0) -> None:
        self.real_label = real_label
        self.fake_label = fake_label

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Half the sum of the distances of real and fake to their labels."""
        return 0.5 * (self.distance(real, self.real_label) + self.distance(fake, self.fake_label))

    def generator(self, fake: Tensor) -> Tensor:
        """The distance of the fakes to the real label."""
        return self.distance(fake, self.real_label)

    @abstractmethod
    def distance(self, logits: Tensor, label: float) -> Tensor:
        """The mean distance of the logits to the label."""


class CrossEntropyLoss(LabelLoss):
    """Binary cross-entropy on logits, with the non-saturating generator loss (Goodfellow et al. 2014, sec. 3)."""

    def distance(self, logits: Tensor, label: float) -> Tensor:
        """The mean cross-entropy of the logits and the label."""
        return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


class LeastSquaresLoss(LabelLoss):
    """Least squares (Mao et al. 2017, eq. 9)."""

    def distance(self, logits: Tensor, label: float) -> Tensor:
        """The mean squared difference of the logits and the label."""
        return F.mse_loss(logits, torch.full_like(logits, label))


class HingeLoss:
    """Hinge loss (Lim and Ye 2017, eq. 3): the discriminator stops caring once it is right by a margin of one."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The mean shortfall of the margin on both sides."""
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        """The negative mean logit of the fakes."""
        return -fake.mean()


class WassersteinLoss:
    """Wasserstein loss with gradient penalty (Gulrajani et al. 2017, eq. 3).

    A patch discriminator's value for an image is the mean of its logits, both in the loss and in the penalty.

    Args:
        penalty_weight: the factor of the gradient penalty, lambda in the paper.
    """

    def __init__(self, penalty_weight: float = 10.0) -> None:
        self.penalty_weight = penalty_weight

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The negative estimate of the Wasserstein distance, without the penalty."""
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor) -> Tensor:
        """The negative mean logit of the fakes."""
        return -fake.mean()

    def penalty(
        self,
        discriminator: Callable[[Tensor], Tensor | Sequence[Tensor]],
        real: Tensor,
        fake: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Penalise gradients of the discriminator whose norm is not one, at random points between real and fake.

        Args:
            discriminator: from images ``[N, C, H, W]`` to logits, or a nested list of logits of several discriminators
                and scales. Each is penalised; every discriminator weighs the same, however many scales it looks at.
            real: ``[N, C, H, W]``.
            fake: ``[N, C, H, W]``, of the same shape.
            generator: random numbers on the CPU, one for each image.

        Returns:
            A scalar, differentiable with respect to the discriminator's weights.
        """
        if real.shape != fake.shape:
            raise ValueError(
                f"fake must have the shape of real for the gradient penalty; got {list(fake.shape)} and "
                f"{list(real.shape)} (use images of one size, or another loss)"
            )
        share = torch.rand(real.shape[0], 1, 1, 1, generator=generator).to(real)  # [N, 1, 1, 1]
        between = torch.lerp(fake.detach(), real.detach(), share).requires_grad_()
        return self.penalty_weight * _penalty_of(discriminator(between), between)


def _penalty_of(logits: Tensor | Sequence[Any], images: Tensor) -> Tensor:
    if not isinstance(logits, Tensor):
        return torch.stack([_penalty_of(part, images) for part in logits]).mean()
    exact = logits.to(torch.promote_types(logits.dtype, torch.float32))  # bf16 would round the slopes
    values = exact.flatten(1).mean(1)  # [N]
    (gradient,) = torch.autograd.grad(values.sum(), images, create_graph=True)
    norms: Tensor = gradient.flatten(1).norm(dim=1)  # [N]
    return ((norms - 1) ** 2).mean()
