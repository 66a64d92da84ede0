"""Learning-rate schedules, stepped at the end of each epoch, by the formulas of the reference implementation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, ReduceLROnPlateau, StepLR

from i2i.config.run_config import ScheduleOptions

DEFAULT_FLAT_EPOCHS = 100
DEFAULT_DECAY_EPOCHS = 100


@dataclass(frozen=True)
class EpochPlan:
    """How many epochs the rate stays flat and how many it falls."""

    flat: int
    decay: int


def plan_epochs(options: ScheduleOptions, budget_epochs: float | None) -> EpochPlan:
    """Settle the two parts of the schedule; what is not given is half of the budget, rounded up to whole epochs.

    Args:
        options: the schedule's options.
        budget_epochs: epochs the budget lasts, or ``None`` when only time limits it.
    """
    if budget_epochs is None:
        flat, decay = DEFAULT_FLAT_EPOCHS, DEFAULT_DECAY_EPOCHS
    else:
        total = max(1, math.ceil(budget_epochs))
        decay = total // 2
        flat = total - decay
        if options.flat_epochs is not None and options.decay_epochs is None:
            decay = max(0, total - options.flat_epochs)
        if options.decay_epochs is not None and options.flat_epochs is None:
            flat = max(0, total - options.decay_epochs)
    return EpochPlan(
        flat if options.flat_epochs is None else options.flat_epochs,
        decay if options.decay_epochs is None else options.decay_epochs,
    )


def linear_factor(epoch: int, plan: EpochPlan) -> float:
    """The factor of the base rate after ``epoch`` whole epochs: 1 at first, ``1 / (decay + 1)`` in the last epoch."""
    return 1.0 - max(0, epoch + 1 - plan.flat) / (plan.decay + 1)


class EpochSchedule:
    """One schedule for one optimiser.

    ``linear`` is ``1 - max(0, e + 1 - flat) / (decay + 1)`` with ``e`` the whole epochs done, so the last epoch of the
    plan runs at ``1 / (decay + 1)`` of the base rate and the one after it would run at zero (it never falls below).
    ``cosine`` has its period set by the flat epochs, as in the reference implementation, and rises again after them.
    """

    def __init__(self, optimizer: Optimizer, options: ScheduleOptions, plan: EpochPlan) -> None:
        self.scheduler: LRScheduler
        if options.name == "linear":
            self.scheduler = LambdaLR(optimizer, lambda epoch: max(0.0, linear_factor(epoch, plan)))
        elif options.name == "cosine":
            self.scheduler = CosineAnnealingLR(optimizer, T_max=max(1, plan.flat), eta_min=0.0)
        elif options.name == "step":
            self.scheduler = StepLR(optimizer, step_size=options.step_epochs, gamma=0.1)
        elif options.name == "plateau":
            self.scheduler = ReduceLROnPlateau(optimizer, factor=0.2, threshold=0.01, patience=5)
        else:
            self.scheduler = LambdaLR(optimizer, lambda _: 1.0)

    def end_epoch(self, loss: float) -> None:
        """Move to the next epoch; ``loss`` is the generators' mean loss over the one that ended (for ``plateau``)."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(loss)
        else:
            self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """Return what an exact resume needs: the state of ``plateau``, and of the others how many epochs ended."""
        if isinstance(self.scheduler, ReduceLROnPlateau):
            return self.scheduler.state_dict()
        return {"last_epoch": self.scheduler.last_epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume after what :meth:`state_dict` returned; call it after the optimiser's own.

        The plan may differ from the one at that time, as with a larger budget: the rate becomes what the new plan says
        for the epoch (``plateau`` has no plan and keeps the rate it had reached).
        """
        scheduler = self.scheduler
        if isinstance(scheduler, ReduceLROnPlateau):
            scheduler.load_state_dict(state)
            return
        for group, rate in zip(scheduler.optimizer.param_groups, scheduler.base_lrs, strict=True):
            group["lr"] = rate
        # Epoch by epoch, for torch computes some rates from the one before: closed formulas differ in the last bit.
        # A count of steps above 1 says that the optimiser was used before, which is true of the restored one.
        scheduler.load_state_dict({"last_epoch": 0, "_step_count": 2, **_lambdas_of(scheduler)})
        for _ in range(state["last_epoch"]):
            scheduler.step()


def _lambdas_of(scheduler: LRScheduler) -> dict[str, Any]:
    """What LambdaLR wants to find in a state besides numbers; its functions stay as they are."""
    return {"lr_lambdas": [None] * len(scheduler.lr_lambdas)} if isinstance(scheduler, LambdaLR) else {}
