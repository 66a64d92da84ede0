"""The R1 penalty (Mescheder, Geiger and Nowozin, ICML 2018), applied lazily (Karras et al., CVPR 2020)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from i2i.plugins.protocols import AdversarialLoss


class R1Loss:
    """An adversarial loss that also keeps the discriminator flat where images are real.

    It adds to the discriminator's loss::

        gamma / 2 * mean over images of |gradient of the sum of D(image) with respect to the image|^2

    (Mescheder et al. 2018, eq. 9). As in StyleGAN2 (Karras et al. 2020, appendix B) it is computed in the first step of
    a run and every ``every``-th one after, and multiplied by ``every``.

    Args:
        loss: what it is added to.
        gamma: its weight; 10 in the paper, for one logit an image.
        every: steps from one penalty to the next; 1 is the paper's.

    Attributes:
        mixes_images: the penalty looks at real images alone, so that fakes may have another size.
    """

    mixes_images = False

    def __init__(self, loss: AdversarialLoss, gamma: float, every: int = 16) -> None:
        self.gamma, self.every = gamma, every
        self._loss, self._due = loss, True

    def begin_step(self, step: int) -> None:
        """Take the step that begins, 0 in the first; before that, every call is due."""
        self._due = step % self.every == 0

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The loss of the discriminator, without the penalty."""
        return self._loss.discriminator(real, fake)

    def generator(self, fake: Tensor) -> Tensor:
        """The loss of the generator."""
        return self._loss.generator(fake)

    def penalty(
        self,
        discriminator: Callable[[Tensor], Tensor | Sequence[Any]],
        real: Tensor,
        fake: Tensor,  # noqa: ARG002  # of the protocol
        generator: torch.Generator,  # noqa: ARG002
    ) -> Tensor:
        """The weighted penalty in a step where it is due, else zero.

        Args:
            discriminator: from images ``[N, C, H, W]`` to logits, or a nested list of logits of several discriminators
                and scales. Each is penalised; every discriminator weighs the same, however many scales it looks at.
            real: ``[N, C, H, W]``, as the discriminator sees it.
            fake: not looked at.
            generator: nothing is drawn.

        Returns:
            A scalar, differentiable with respect to the discriminator's weights.
        """
        if not self._due:
            return real.new_zeros(())
        images = real.detach().requires_grad_()
        return 0.5 * self.gamma * self.every * _penalty_of(discriminator(images), images)


def _penalty_of(logits: Tensor | Sequence[Any], images: Tensor) -> Tensor:
    if not isinstance(logits, Tensor):
        return torch.stack([_penalty_of(part, images) for part in logits]).mean()
    exact = logits.to(torch.promote_types(logits.dtype, torch.float32))  # bf16 would round the slopes
    (gradient,) = torch.autograd.grad(exact.sum(), images, create_graph=True)
    slopes: Tensor = gradient.square().flatten(1).sum(1)  # [N]
    return slopes.mean()
