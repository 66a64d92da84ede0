"""Terms of a method's loss over any number of discriminators, and freezing networks: what every method needs.

What ``parts.make_discriminator`` makes returns a tensor, or a (nested) list of tensors where there are several
discriminators or scales; an adversarial loss may have a penalty. These functions take care of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from i2i.plugins.protocols import AdversarialLoss, PenalisedLoss

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def mean_over_logits(term: Callable[..., Tensor], *logits: Tensor | Sequence[Any]) -> Tensor:
    """Apply ``term`` to logits, or average it over the (nested) lists of several discriminators and scales.

    Every discriminator weighs the same, however many scales it looks at.

    Args:
        term: from as many tensors ``[N, 1, h, w]`` as there are ``logits`` to a scalar.
        logits: what discriminators returned, each for other images: all tensors, or all lists of one structure.

    Raises:
        ValueError: lists that differ in length.
    """
    import torch

    if isinstance(logits[0], torch.Tensor):
        return term(*logits)
    return torch.stack([mean_over_logits(term, *group) for group in zip(*logits, strict=True)]).mean()


def generator_term(loss: AdversarialLoss, discriminator: nn.Module, fake: Tensor) -> Tensor:
    """What the discriminators think of ``fake``, ``[N, C, H, W]``, augmented, as the generator's loss: a scalar."""
    return mean_over_logits(loss.generator, discriminator(fake))


def discriminator_term(
    loss: AdversarialLoss, discriminator: nn.Module, real: Tensor, fake: Tensor, random: torch.Generator
) -> Tensor:
    """The discriminators' loss on real and fake images, with the gradient penalty if the loss has one: a scalar.

    Args:
        loss: ``parts.adversarial``.
        discriminator: what ``parts.make_discriminator`` made.
        real: ``[N, C, H, W]``, augmented.
        fake: ``[N, C, H, W]``, augmented and detached.
        random: ``update.random``.
    """
    term = mean_over_logits(loss.discriminator, discriminator(real), discriminator(fake))
    if isinstance(loss, PenalisedLoss):
        term = term + loss.penalty(discriminator, real, fake, random)
    return term


@contextmanager
def frozen(networks: Iterable[nn.Module]) -> Iterator[None]:
    """Let gradients flow through the networks without gathering any for their weights."""
    parameters = [parameter for network in networks for parameter in network.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def add_terms(totals: dict[str, Tensor], terms: Mapping[str, Tensor], share: float) -> None:
    """Add one micro-batch's share of each term, detached, to ``totals``: what ``step`` returns."""
    for name, value in terms.items():
        totals[name] = totals.get(name, value.new_zeros(())) + value.detach() * share
