"""All that changes while training, recorded in a checkpoint and restored from one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from i2i.errors import CheckpointError
from i2i.models import state as training_state
from i2i.models.checkpoint import Checkpoint
from i2i.plugins.calls import calling
from i2i.plugins.method_members import networks_of, restore_state, state_of
from i2i.plugins.protocols import Method
from i2i.tensors.weight_types import require_types
from i2i.training.position import Position
from i2i.training.schedule import EpochSchedule
from i2i.training.update import NetworkUpdate


@dataclass(frozen=True)
class Snapshot:
    """The parts of a run that change from step to step, all but its :class:`~i2i.training.position.Position`.

    Attributes:
        update: the method with its networks, buffers and own state, optimisers, moving averages, augmentations and
            random numbers.
        schedules: by group of networks.
    """

    update: NetworkUpdate
    schedules: Mapping[str, EpochSchedule]

    @property
    def method(self) -> Method:
        """Networks and buffers."""
        return self.update.method

    @property
    def averages(self) -> Mapping[str, AveragedModel]:
        """Moving averages by generator, perhaps none."""
        return self.update.averages

    def outputs_of(self, generator: str) -> nn.Module:
        """The network that makes outputs: the moving average where there is one."""
        average = self.averages.get(generator)
        return self.method.generators[generator] if average is None else average.module

    def generator_weights(self) -> dict[str, dict[str, Tensor]]:
        """The weights to use, by generator."""
        return {name: self.outputs_of(name).state_dict() for name in self.method.generators}

    def of_this_process(self) -> dict[str, Any]:
        """What each process has of its own."""
        with calling(self.method, "taking down what its buffers hold"):
            buffers = {name: buffer.state_dict() for name, buffer in self.method.buffers.items()}
        with calling(self.method, "taking down the state of the method"):
            state = state_of(self.method)
        return {
            "random": training_state.random_state(),
            "update": self.update.random.get_state(),
            "buffers": buffers,
            **({} if state is None else {"method": state}),
        }

    def shared(self, position: Position) -> dict[str, Any]:
        """What all processes share, besides :meth:`generator_weights`."""
        # With a moving average, a generator's file holds the average, and the state the weights that are trained.
        judges_and_helpers = {**self.method.discriminators, **networks_of(self.method, "helpers")}
        kept = {**judges_and_helpers, **{name: self.method.generators[name] for name in self.averages}}
        adapted = [] if self.update.augmenting is None else self.update.augmenting.state()
        return {
            "position": position.state_dict(),
            "networks": {name: network.state_dict() for name, network in kept.items()},
            "averaged": {name: int(average.n_averaged) for name, average in self.averages.items()},
            "optimizers": {group: optimizer.state_dict() for group, optimizer in self.update.optimizers.items()},
            "schedules": {group: schedule.state_dict() for group, schedule in self.schedules.items()},
            **({"augmentations": adapted} if adapted else {}),
        }

    def restore(self, checkpoint: Checkpoint, rank: int) -> tuple[Position, bool]:
        """Put everything back.

        Returns:
            Where training stood, and whether this process had random numbers and buffers of its own to resume with.

        Raises:
            CheckpointError: the checkpoint is damaged or was made by other networks.
            PluginError: a component fails at it.
        """
        with calling(self.method, f"resuming from {checkpoint.path}"):
            return self._restore(checkpoint, rank)

    def _restore(self, checkpoint: Checkpoint, rank: int) -> tuple[Position, bool]:
        try:
            shared = checkpoint.training_state()
            position = Position.from_state(shared["position"])
            for name, generator in self.method.generators.items():
                weights = checkpoint.generator_weights(name)
                require_types(weights, generator.state_dict(), f"{checkpoint.path}: {name}")
                self.outputs_of(name).load_state_dict(weights)
                if name not in self.averages:
                    generator.load_state_dict(weights)
            networks = self.update.networks
            for name, weights in shared["networks"].items():
                require_types(weights, networks[name].state_dict(), f"{checkpoint.path}, training.safetensors: {name}")
                networks[name].load_state_dict(weights)
            for name, average in self.averages.items():
                average.n_averaged.fill_(shared["averaged"][name])
            for group in self.update.optimizers:
                if shared["schedules"][group]["last_epoch"] > position.samples:  # a large batch may hold several epochs
                    raise ValueError(f"schedules.{group}: more epochs than {position.samples} samples could fill")
                self.update.optimizers[group].load_state_dict(shared["optimizers"][group])
                self.schedules[group].load_state_dict(shared["schedules"][group])
            if self.update.augmenting is not None:
                self.update.augmenting.restore(shared.get("augmentations", []))
            own = checkpoint.rank_state(rank)
            if own is not None:
                for name, buffer in self.method.buffers.items():
                    buffer.load_state_dict(training_state.floats_to_device(own["buffers"][name], self.update.device))
                self.update.random.set_state(own["update"])
                training_state.set_random_state(own["random"])
            # A process that was not there before takes over the main one's.
            method: Any = (checkpoint.rank_state(0) or {} if own is None else own).get("method")
            restore_state(self.method, training_state.floats_to_device(method, self.update.device))
            return position, own is not None
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{checkpoint.path} does not fit this run's config.yaml: {type(error).__name__}: {error}; "
                "was config.yaml changed, or a plugin updated?"
            ) from error
