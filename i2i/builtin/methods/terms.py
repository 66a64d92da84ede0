"""What the methods share: adversarial terms over any number of discriminators, and freezing networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from i2i.plugins.protocols import AdversarialLoss, PenalisedLoss


def mean_over_logits(term: Callable[..., Tensor], *logits: Tensor | Sequence[Any]) -> Tensor:
    """Apply ``term`` to logits, or average it over the (nested) lists of several discriminators and scales.

    Every discriminator weighs the same, however many scales it looks at.
    """
    if isinstance(logits[0], Tensor):
        return term(*logits)
    return torch.stack([mean_over_logits(term, *group) for group in zip(*logits, strict=True)]).mean()


def generator_term(loss: AdversarialLoss, discriminator: nn.Module, fake: Tensor) -> Tensor:
    """What the discriminators think of ``fake``, as the generator's loss."""
    return mean_over_logits(loss.generator, discriminator(fake))


def discriminator_term(
    loss: AdversarialLoss, discriminator: nn.Module, real: Tensor, fake: Tensor, random: torch.Generator
) -> Tensor:
    """The discriminators' loss on real and fake images, with the gradient penalty if the loss has one."""
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
    """Add one micro-batch's share of each term, detached, to ``totals``."""
    for name, value in terms.items():
        totals[name] = totals.get(name, value.new_zeros(())) + value.detach() * share
