"""The augmentations of a run: what is done to images before the discriminators look, and what it learns from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from i2i.config.components import build
from i2i.config.run_config import Choice
from i2i.errors import ConfigError, PluginError
from i2i.plugins.calls import called_of
from i2i.plugins.manager import PluginManager
from i2i.plugins.protocols import AdaptiveAugmentation, AdversarialLoss, Augmentation, PenalisedLoss


class Augmenting:
    """Builds the chosen augmentations for each discriminator, and tells those that adapt how sure these are.

    Args:
        manager: the plugins.
        choices: what is applied, in this order.
        mean: of a number over all processes, which have to adapt alike.
    """

    def __init__(
        self,
        manager: PluginManager,
        choices: Sequence[Choice],
        mean: Callable[[float], float] = lambda value: value,
    ) -> None:
        self.manager, self.choices, self._mean = manager, choices, mean
        self.made: list[Chain] = []
        self._undecided: float | None = None
        self._signs: list[Tensor] = []  # of this step, each a scalar on the device

    def make(self, channels: Sequence[int]) -> Augmentation:
        """The augmentations for one discriminator; see :class:`~i2i.plugins.protocols.Parts`."""
        channels = tuple(channels)
        built = [build(self.manager, "augmentation", choice, channels=channels) for choice in self.choices]
        chain = Chain(channels, tuple(choice.name for choice in self.choices), tuple(built))
        self.made.append(chain)
        return chain

    def heard(self, loss: AdversarialLoss) -> AdversarialLoss:
        """The loss to give to the method: the same, and what it is told of real images is heard here, too."""
        if not self.choices:
            return loss
        kind = _HeardPenalisedLoss if isinstance(loss, PenalisedLoss) else _HeardLoss
        return kind(loss, self._hear)

    def require_used(self, method: str, loss: Choice, built: AdversarialLoss, device: torch.device) -> None:
        """Refuse augmentations that would do nothing.

        Args:
            method: its name; it is built.
            loss: the chosen adversarial loss.
            built: that loss.
            device: where it computes.

        Raises:
            ConfigError: the method uses none, or one adapts to a loss that gives it nothing to adapt to.
        """
        if not self.choices:
            return
        named = " ".join(f"--augment {choice.name}" for choice in self.choices)
        if not self.made:
            raise ConfigError(
                f"method {method} does not augment what its discriminators see (it never calls "
                f"parts.make_augmentation), so that {named} would do nothing; leave it out, or choose another method"
            )
        if adaptive := next(iter(self._adaptive()), None):
            self._undecided = undecided_logit(built, device)
            if self._undecided is None:
                raise ConfigError(
                    f"augmentation {called_of(adaptive).name} adapts to how sure discriminators are of real images, "
                    f"and loss {loss.name} gives their logits no middle to count from; choose another --loss, or "
                    "options with which it does not adapt"
                )

    def begin_step(self) -> None:
        """Forget what was heard before, perhaps in a step that failed."""
        self._signs.clear()

    def adapt(self, share: float) -> None:
        """Let the augmentations take in the step that ended; ``share`` of the run's budget went into it."""
        adaptive = self._adaptive()
        if not adaptive:
            return
        if not self._signs:
            raise PluginError(
                f"augmentation {called_of(adaptive[0]).name} adapts to what discriminators make of real images, and "
                "the method asked parts.adversarial.discriminator nothing in this step; choose another method, or "
                "options with which it does not adapt"
            )
        confidence = self._mean(float(torch.stack(self._signs).mean()))
        for augmentation in adaptive:
            augmentation.adapt(confidence, share)

    def values(self) -> dict[str, float]:
        """What the log shows, such as ``{"diffaugment/probability": 0.2}``."""
        if not self.made:
            return {}
        return {  # those for other discriminators adapt alike
            f"{name}/{key}": value
            for name, augmentation in self.made[0].named()
            if isinstance(augmentation, AdaptiveAugmentation)
            for key, value in augmentation.values().items()
        }

    def state(self) -> list[dict[str, Any]]:
        """What all processes share, for a checkpoint: a state for each that adapts."""
        return [augmentation.state_dict() for augmentation in self._adaptive()]

    def restore(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Take back what :meth:`state` gave.

        Raises:
            ValueError: it holds another number of them.
        """
        for augmentation, state in zip(self._adaptive(), states, strict=True):
            augmentation.load_state_dict(state)

    def _adaptive(self) -> list[AdaptiveAugmentation]:
        every = [augmentation for chain in self.made for _, augmentation in chain.named()]
        return [augmentation for augmentation in every if isinstance(augmentation, AdaptiveAugmentation)]

    def _hear(self, real: Tensor) -> None:
        if self._undecided is not None:
            self._signs.append((real.detach().float() - self._undecided).sign().mean())


@dataclass(frozen=True)
class Chain:
    """Augmentations one after the other, for one discriminator.

    Attributes:
        channels: of each image that the discriminator sees.
        names: of the augmentations.
        augmentations: as they are applied.
    """

    channels: tuple[int, ...]
    names: tuple[str, ...]
    augmentations: tuple[Augmentation, ...]

    def named(self) -> list[tuple[str, Augmentation]]:
        """Each augmentation with its name."""
        return list(zip(self.names, self.augmentations, strict=True))

    def __call__(self, images: Tensor, random: torch.Generator) -> Tensor:
        """Return ``[N, C, H, W]`` augmented; the same tensor if nothing was chosen.

        Raises:
            ValueError: the images have other channels than the method said.
            TypeError: an augmentation returned something else.
        """
        if self.augmentations and images.shape[1] != sum(self.channels):
            raise ValueError(
                f"the augmentation was made for images of {' + '.join(map(str, self.channels))} channels; got "
                f"{images.shape[1]}"
            )
        for name, augmentation in self.named():
            augmented = augmentation(images, random)
            if (augmented.shape, augmented.dtype, augmented.device) != (images.shape, images.dtype, images.device):
                raise TypeError(
                    f"augmentation {name} must return images like those that it was given, {list(images.shape)} "
                    f"{images.dtype}; got {list(augmented.shape)} {augmented.dtype}"
                )
            images = augmented
        return images


def undecided_logit(loss: AdversarialLoss, device: torch.device) -> float | None:
    """The logit of a discriminator that cannot tell real from fake: the one with the least loss if both get it.

    It is 0 for cross-entropy and hinge, 0.5 for least squares. None for a Wasserstein loss, to which all are equal.
    """
    logits = torch.arange(-200, 201, device=device) / 100
    losses = torch.stack([loss.discriminator(logit, logit) for logit in logits.view(-1, 1, 1, 1, 1)])
    least = logits[losses <= losses.min() + 1e-6]  # a flat bottom, as hinge has, counts with its middle
    return None if len(least) == len(logits) else float(least.mean())


class _HeardLoss:
    """An adversarial loss whose real logits are heard."""

    def __init__(self, loss: Any, hear: Callable[[Tensor], None]) -> None:
        self._loss, self._hear = loss, hear

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        self._hear(real)
        value: Tensor = self._loss.discriminator(real, fake)
        return value

    def generator(self, fake: Tensor) -> Tensor:
        value: Tensor = self._loss.generator(fake)
        return value


class _HeardPenalisedLoss(_HeardLoss):
    """The same, with a penalty."""

    def penalty(self, *arguments: Any, **named: Any) -> Tensor:
        value: Tensor = self._loss.penalty(*arguments, **named)
        return value
