"""What several training processes have to agree on.

Gradients are averaged by hand, once before each optimiser step, rather than through ``DistributedDataParallel``: its
hooks expect one forward a backward, but a CycleGAN step runs each generator three times and trains two groups of
networks in turn, and a gradient penalty needs second-order gradients, which its hooks do not support.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list, gather_object
from torch.optim import Optimizer


class Processes:
    """Collective operations over all processes; with a single process they do nothing.

    Attributes:
        count: of all processes.
        rank: of this one, from 0.
        alone: whether there is a single one.
        is_main: whether this one writes and talks.
        device: of this process.
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self.accelerator, self.device = accelerator, accelerator.device
        self.count, self.rank = accelerator.num_processes, accelerator.process_index
        self.alone, self.is_main = self.count == 1, accelerator.is_main_process

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return flag if self.alone else self._mean(float(flag)) > 0

    def mean(self, value: float) -> float:
        """The mean of a number over the processes."""
        return value if self.alone else self._mean(value)

    def same(self, value: float) -> float:
        """The main process's number."""
        if self.alone:
            return value
        values = [value]
        broadcast_object_list(values)
        return values[0]

    def mean_of_sums(self, sums: Mapping[str, float], counts: Mapping[str, int]) -> dict[str, float]:
        """Divide sums by counts, over all processes; a term may be missing in some of them."""
        pairs = [(dict(sums), dict(counts))]
        if not self.alone:
            pairs = gather_object(pairs)
        names = dict.fromkeys(name for found, _ in pairs for name in found)
        return {
            name: sum(found.get(name, 0.0) for found, _ in pairs) / sum(count.get(name, 0) for _, count in pairs)
            for name in names
        }

    def average_gradients(self, optimizer: Optimizer) -> None:
        """Replace each gradient by its mean over the processes; a missing one counts as zero."""
        if self.alone:
            return
        parameters = [
            parameter for group in optimizer.param_groups for parameter in group["params"] if parameter.requires_grad
        ]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        flat = self.accelerator.reduce(flat, reduction="mean")
        for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            parameter.grad = part.view_as(parameter).clone()

    def _mean(self, value: float) -> float:
        tensor = torch.tensor(value, device=self.device)
        return float(self.accelerator.reduce(tensor, reduction="mean"))
