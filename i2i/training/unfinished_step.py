"""Taking back a step that fails half way, as far as that is possible."""

from __future__ import annotations

import traceback
from typing import Any

from torch import Tensor

from i2i.models import state as training_state
from i2i.plugins.calls import lacks_memory
from i2i.plugins.method_members import keeps_state
from i2i.training.update import NetworkUpdate


class UnfinishedStep:
    """The random numbers from before a step, and the part of it that cannot be taken back.

    Make it before the step; a copy of the weights, which would make it exact, takes three times their memory.

    Args:
        update: trains the step.
    """

    def __init__(self, update: NetworkUpdate) -> None:
        self.update = update
        self._global_random: dict[str, Any] = training_state.random_state()
        self._update_random: Tensor = update.random.get_state()
        update.applied = []

    def take_back(self, error: BaseException) -> str:
        """Discard gradients and put the random numbers back.

        Args:
            error: what ended the step; where memory was short, the frames that fill it are cleared.

        Returns:
            What may still hold a part of the step, such as ``"the generators"``; empty if nothing can.
        """
        if error.__cause__ is not None and lacks_memory(error.__cause__):
            traceback.clear_frames(error.__cause__.__traceback__)
        self.update.discard_gradients()
        tensors: dict[str, Tensor] = {}
        packed = training_state.pack(self._global_random, "random", tensors)
        training_state.set_random_state(training_state.unpack(packed, tensors))
        self.update.random.set_state(self._update_random)

        changed = [f"the {group}" for group in self.update.applied]
        if any(True for network in self.update.networks.values() for _ in network.buffers()):
            changed.append("running statistics")
        if self.update.method.buffers:
            changed.append("buffers of earlier images")
        if keeps_state(self.update.method):
            changed.append("the method's own state")
        return " and ".join(changed)
