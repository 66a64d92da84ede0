"""One update of a method's networks: backward passes, optimisers and moving averages.

The trainer and the benchmark both train through :class:`NetworkUpdate`, so that what is measured is what trains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from i2i.config.augmenting import Augmenting
from i2i.config.pixel_loss_sum import StepValues
from i2i.plugins.method_members import all_networks_of
from i2i.plugins.protocols import Batch, Method

ParamList = tuple[Tensor, ...] | list[Tensor]


class NetworkUpdate:
    """Trains the networks of a method; what the method is lent as its :class:`~i2i.plugins.protocols.Update`.

    Args:
        method: its networks are trained where they are.
        optimizers: by group of networks; a method without discriminators has one.
        device: where the networks are.
        random: random numbers for the method, on the CPU.
        precision: with ``bf16`` forward passes run under autocast; weights and gradients stay float32.
        ema_decay: of the generators' moving averages; see :func:`make_averages`.
        ema_ramp_up: likewise.
        average_gradients: called with an optimiser before each of its steps, to average its gradients over processes.
        values: what the method's parts add to in a step.
        augmenting: the augmentations that the method was given, if any.
        frozen: whether there are parameters that are not trained, so that a loss may depend on none that is.

    Attributes:
        step: how many steps of the run are done; whoever trains counts them.
        fraction: the share of the budget that is used.
        averages: moving averages by generator, perhaps none.
        values: of the last step, beside the terms of the method: take them before the next.
        applied: the groups that the step under way, or else the last one, has updated so far.
    """

    def __init__(
        self,
        method: Method,
        optimizers: Mapping[str, Optimizer],
        device: torch.device,
        random: torch.Generator,
        *,
        precision: Literal["fp32", "bf16"] = "fp32",
        ema_decay: float = 0.0,
        ema_ramp_up: float = 0.0,
        average_gradients: Callable[[Optimizer], None] = lambda _: None,
        values: StepValues | None = None,
        augmenting: Augmenting | None = None,
        frozen: bool = False,
    ) -> None:
        self.method, self.device, self.random, self.precision = method, device, random, precision
        self.optimizers = optimizers
        self.step, self.fraction = 0, 0.0
        self.averages = make_averages(method.generators, ema_decay, ema_ramp_up)
        self.applied: list[str] = []
        self.values = StepValues() if values is None else values
        self.augmenting = augmenting
        self._average_gradients, self._frozen = average_gradients, frozen

    @property
    def networks(self) -> dict[str, nn.Module]:
        """All networks by name."""
        return all_networks_of(self.method)

    def train(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Train one step on one or more micro-batches and return each term of the loss, a scalar on the device."""
        self.applied = []
        self.values.begin(self.step)
        if self.augmenting is not None:
            self.augmenting.begin_step()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            return self.method.step(batches, self)

    def backward(self, loss: Tensor) -> None:
        """Add gradients; part of the :class:`~i2i.plugins.protocols.Update` protocol."""
        if self._frozen and not loss.requires_grad:  # of a discriminator that is frozen as a whole
            return
        with torch.autocast(self.device.type, enabled=False):
            loss.backward()  # type: ignore[no-untyped-call]

    def apply(self, group: str) -> None:
        """Step one optimiser; part of the :class:`~i2i.plugins.protocols.Update` protocol."""
        if group not in self.optimizers:  # a method without such networks, or with frozen ones
            return
        optimizer = self.optimizers[group]
        self.applied.append(group)
        self._average_gradients(optimizer)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if group == "generators":
            for name, average in self.averages.items():
                average.update_parameters(self.method.generators[name])

    def adapt(self, share: float) -> None:
        """Let augmentations take in a step that is done; ``share`` of the run's budget went into it."""
        if self.augmenting is not None:
            self.augmenting.adapt(share)

    def augmentation_values(self) -> dict[str, float]:
        """What the log shows of augmentations, such as ``{"diffaugment/probability": 0.2}``."""
        return {} if self.augmenting is None else self.augmenting.values()

    def average_from_here(self) -> None:
        """Let the moving averages begin with the generators as they are."""
        for name, average in self.averages.items():
            average.module.load_state_dict(self.method.generators[name].state_dict())

    def discard_gradients(self) -> None:
        """Forget the gradients of a step that is not finished."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=True)


def make_averages(generators: Mapping[str, nn.Module], decay: float, ramp_up: float = 0.0) -> dict[str, AveragedModel]:
    """Make an exponential moving average of each generator, buffers included; none with a decay of 0.

    After the first step an average is the generator itself; after each later one ``decay * average + (1 - decay) *
    weights``. A constant decay keeps the initial weights in the mix for as long as a short run lasts; with a ramp-up
    the decay is at most what halves a weight's part in ``ramp_up`` times the steps that were averaged so far, as in
    Karras et al., "Training Generative Adversarial Networks with Limited Data" (NeurIPS 2020), where it is 0.05.
    """
    if decay == 0:
        return {}

    def blend(averaged: ParamList, current: ParamList, steps: Tensor | int) -> None:
        at_most = 0.5 ** (1 / (ramp_up * int(steps))) if ramp_up > 0 else 1.0
        get_ema_multi_avg_fn(min(decay, at_most))(averaged, current, steps)  # type: ignore[no-untyped-call]

    return {name: AveragedModel(network, multi_avg_fn=blend, use_buffers=True) for name, network in generators.items()}
