"""The endless stream of training samples.

Epochs follow each other without a gap: epoch ``e`` is a permutation that depends on ``(seed, e)`` alone, so a batch
may hold the end of one epoch and the start of the next, every image is seen exactly once an epoch whatever the batch
size and the number of processes, and the number of samples taken so far is the whole position.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Sampler

from i2i.plugins.protocols import Batch

Key = tuple[int, int]


class SampleStream(Sampler[list[Key]]):
    """Yields lists of ``(epoch, index)``: this process's share of each batch, without end.

    Args:
        length: samples in an epoch.
        seed: fixes every permutation.
        batch_size: samples of one process in one batch.
        start: samples that all processes together have taken before.
        rank: this process.
        world_size: number of processes; together they take ``batch_size * world_size`` consecutive samples.
    """

    def __init__(
        self, length: int, *, seed: int, batch_size: int, start: int = 0, rank: int = 0, world_size: int = 1
    ) -> None:
        self.length = length
        self.seed = seed
        self.batch_size = batch_size
        self.start = start
        self.rank = rank
        self.world_size = world_size

    def __iter__(self) -> Iterator[list[Key]]:
        """Yield batches of keys."""
        position = self.start + self.rank * self.batch_size
        current, order = -1, np.empty(0, dtype=np.int64)
        while True:
            keys = []
            for place in range(position, position + self.batch_size):
                epoch, index = divmod(place, self.length)
                if epoch != current:
                    current, order = epoch, self._permutation(epoch)
                keys.append((epoch, int(order[index])))
            yield keys
            position += self.batch_size * self.world_size

    def _permutation(self, epoch: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        # Sorting raw 64-bit draws, which NumPy keeps between versions. torch's CPU generator would not do: it looks at
        # the lower 32 bits of its seed only, too few for a seed and an epoch.
        stream = np.random.Philox(np.random.SeedSequence(self.seed, spawn_key=(epoch,)))
        return np.argsort(stream.random_raw(self.length), kind="stable")


def choose_workers(given: int | None, device: torch.device) -> int:
    """How many loading processes there are: as given, or none for the CPU and up to 4 for anything faster."""
    if given is not None:
        return given
    return 0 if device.type == "cpu" else min(4, torch.get_num_threads())


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Move the tensors of a batch."""
    return {
        key: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
        for key, value in batch.items()
    }
