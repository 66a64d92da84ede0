"""How long a run lasts: steps, epochs or minutes, whichever comes first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from i2i.config.run_config import LIMITS, TrainingOptions
from i2i.training.schedule import DEFAULT_DECAY_EPOCHS, DEFAULT_FLAT_EPOCHS


@dataclass(frozen=True)
class Budget:
    """The limits of a run; with none given, the papers' 200 epochs.

    Attributes:
        steps: optimiser steps in all, from the tighter of steps and epochs, or ``None``.
        seconds: training time in all, or ``None``.
        epochs: the tighter of the two in epochs, or ``None``. The last step may reach a little past it; no schedule
            counts that as one more epoch.
    """

    steps: int | None
    seconds: float | None
    epochs: float | None

    @classmethod
    def of(cls, options: TrainingOptions, epoch_length: int, samples_per_step: int) -> Budget:
        """Settle the limits.

        Args:
            options: the training options.
            epoch_length: samples in an epoch.
            samples_per_step: samples that all processes together take in one step.
        """
        epochs, steps = options.epochs, options.steps
        if epochs is None and steps is None and options.minutes is None:
            epochs = DEFAULT_FLAT_EPOCHS + DEFAULT_DECAY_EPOCHS
        step_limits = [] if steps is None else [steps]
        epoch_limits = [] if steps is None else [steps * samples_per_step / epoch_length]
        if epochs is not None:
            step_limits.append(math.ceil(epochs * epoch_length / samples_per_step))
            epoch_limits.append(epochs)
        return cls(
            steps=min(step_limits, default=None),
            seconds=None if options.minutes is None else options.minutes * 60,
            epochs=min(epoch_limits, default=None),
        )

    def fraction(self, step: int, seconds: float) -> float:
        """Share of the budget that is used, at least 1 when the run is over."""
        shares = [0.0]
        if self.steps is not None:
            shares.append(step / self.steps if self.steps else 1.0)
        if self.seconds is not None:
            shares.append(seconds / self.seconds)
        return max(shares)


def limits_as_options(options: TrainingOptions, used: Mapping[str, float] | None = None) -> tuple[str, str]:
    """The limits as a person types them, and as they have to be to train for as long again.

    Args:
        options: the training options.
        used: what the run has used so far, by ``steps``, ``epochs`` and ``minutes``; it may be past a limit that was
            lowered later.

    Returns:
        For a limit of 20 steps, ``"--steps 20"`` and ``"--steps 40"``; ``"--steps 60"`` when 30 are done.
    """
    given = {name: getattr(options, name) for name in LIMITS if getattr(options, name) is not None}
    limits = given or {"epochs": DEFAULT_FLAT_EPOCHS + DEFAULT_DECAY_EPOCHS}
    longer = {}
    for name, limit in limits.items():
        done = (used or {}).get(name, 0)
        longer[name] = math.ceil(2 * done) if done > limit else 2 * limit or 1
    return _as_options(limits), _as_options(longer)


def _as_options(limits: Mapping[str, float]) -> str:
    return " ".join(f"--{name} {limit:.10g}" for name, limit in limits.items())
