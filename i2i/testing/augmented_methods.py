"""Whether a method that augments has its discriminators judge augmented images alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from i2i.plugins.protocols import AdversarialLoss, Augmentation, Method, Parts
from i2i.testing.results import expect

SHIFT = 100.0
"""Added by the augmentation of this check: by such values an image shows that it was augmented, also when stacked."""


def augmentation_check(parts: Parts, build: Callable[[Parts], Method], train: Callable[[Method], object]) -> str | None:
    """Check that all logits that reach the loss are those of augmented images, in both steps.

    A discriminator may see others besides, as where inner layers are compared.

    Args:
        parts: the smallest that can be trained.
        build: makes the method of parts.
        train: trains it for a step.
    """
    torch.manual_seed(0)
    seeing = _Seeing(parts.adversarial)
    method = build(replace(parts, adversarial=seeing, make_augmentation=seeing.make))
    if not seeing.made:
        return "never calls parts.make_augmentation: runs with --augment are refused" if method.discriminators else None
    for name, discriminator in method.discriminators.items():
        seeing.watch(name, discriminator)
    train(method)
    expect(seeing.called, "makes an augmentation and never calls it; call augment(images, update.random)")
    named = ", ".join(dict.fromkeys(seeing.forgotten))
    expect(
        not named,
        f"discriminator {named} judges images that are not augmented; reals and fakes, in both steps, must be",
    )
    expect(seeing.with_gradient, "the generators' step must augment its fakes, too, with their gradient")
    return None


class _Seeing:
    """An augmentation that leaves a mark on images, and a loss that looks whose logits it is given."""

    def __init__(self, loss: AdversarialLoss) -> None:
        self._loss = loss
        self.made = self.called = self.with_gradient = False
        self.forgotten: list[str] = []
        self._plain: list[tuple[str, Tensor]] = []  # logits of images without the mark, by discriminator

    def make(self, channels: Sequence[int]) -> Augmentation:
        self.made = True

        def augment(images: Tensor, random: torch.Generator) -> Tensor:
            expect(isinstance(random, torch.Generator), f"augment(images, random) takes update.random; got {random!r}")
            stacked, given = sum(channels), images.shape[1]
            expect(stacked == given, f"an augmentation made for {stacked} channels was given {given}")
            self.called = True
            self.with_gradient |= images.requires_grad
            return images + SHIFT

        return augment

    def watch(self, name: str, discriminator: nn.Module) -> None:
        def look(_: nn.Module, images: tuple[Tensor, ...], logits: Any) -> None:
            if images[0].min().item() < SHIFT / 2:
                self._plain += [(name, each) for each in _flat(logits)]

        discriminator.register_forward_hook(look)

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        self._look(real, fake)
        return self._loss.discriminator(real, fake)

    def generator(self, fake: Tensor) -> Tensor:
        self._look(fake)
        return self._loss.generator(fake)

    def _look(self, *logits: Tensor) -> None:
        for given in logits:
            # A part of the logits, as of reals and fakes in one batch, is a view of them.
            self.forgotten += [name for name, plain in self._plain if given is plain or given._base is plain]


def _flat(logits: Any) -> Iterator[Tensor]:
    """Each tensor of (nested) lists."""
    if isinstance(logits, Tensor):
        yield logits
    else:
        for each in logits:
            yield from _flat(each)
