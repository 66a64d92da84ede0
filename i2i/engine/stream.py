"""The endless stream of training samples.

Epochs follow each other without a gap: epoch ``e`` is a permutation that depends on ``(seed, e)`` alone, so a batch
may hold the end of one epoch and the start of the next, every image is seen exactly once an epoch whatever the batch
size and the number of processes, and the number of samples taken so far is the whole position.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from i2i.engine.interruption import stay_deaf
from i2i.errors import DataError, I2IError, reason_of
from i2i.plugins.calls import calling
from i2i.plugins.protocols import Batch, Dataset

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


def load_batches(dataset: Dataset, stream: SampleStream, *, workers: int) -> Iterator[Batch | Failure]:
    """Load the stream's batches, with ``workers`` processes; the number of workers changes no value."""
    loader: DataLoader[Any] = DataLoader(
        HandedOver(dataset),  # type: ignore[arg-type]  # keys are (epoch, index), not int
        batch_sampler=stream,
        num_workers=workers,
        collate_fn=hand_over,
        worker_init_fn=stay_deaf,
        # DataLoader draws a base seed: from a generator of its own, so that the global one is left alone.
        generator=torch.Generator().manual_seed(stream.seed),
    )
    return iter(loader)


@dataclass(frozen=True)
class Failure:
    """What a data set gave instead of samples. It is handed over as a value: an exception that leaves a loading process
    comes out as another one, with the traceback in its message.
    """

    error: I2IError


class HandedOver:
    """A data set whose exceptions are values."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        """Number of samples in one epoch."""
        return len(self.dataset)

    def __getitem__(self, key: Key) -> Any:
        """The sample at ``(epoch, index)``, or why there is none."""
        try:
            with calling(self.dataset, f"reading training sample {key[1]} in epoch {key[0]}"):
                return self.dataset[key]
        except I2IError as error:
            return Failure(error)


def hand_over(samples: list[Any]) -> Batch | Failure:
    """:func:`collate`, or the first failure among the samples, or why they make no batch."""
    for sample in samples:
        if isinstance(sample, Failure):
            return sample
    try:
        return collate(samples)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        return Failure(DataError(f"training samples make no batch: {reason_of(error)}"))


@contextmanager
def ending(batches: Iterator[Batch | Failure]) -> Iterator[None]:
    """End the loading processes with the block, also when an error that somebody keeps holds on to ``batches``.

    Python would end them at its exit with SIGTERM, to which they are deaf, and wait for them without end.
    """
    try:
        yield
    finally:
        if isinstance(batches, _MultiProcessingDataLoaderIter):
            batches._shutdown_workers()


def choose_workers(given: int | None, device: torch.device) -> int:
    """How many loading processes there are: as given, or none for the CPU and up to 4 for anything faster."""
    if given is not None:
        return given
    return 0 if device.type == "cpu" else min(4, torch.get_num_threads())


def to_device(batch: Batch | Failure, device: torch.device) -> Batch:
    """Move the tensors of a batch.

    Raises:
        I2IError: the data set could not give it.
    """
    if isinstance(batch, Failure):
        raise batch.error
    return {
        key: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
        for key, value in batch.items()
    }


def collate(samples: list[dict[str, Any]]) -> Batch:
    """Stack tensors to ``[N, ...]``, flags to a bool tensor ``[N]``, and keep the rest in lists.

    Raises:
        ValueError: when images of one batch differ in size.
    """
    batch: dict[str, Any] = {}
    for key, first in samples[0].items():
        values = [sample[key] for sample in samples]
        if isinstance(first, torch.Tensor):
            sizes = {tuple(value.shape) for value in values}
            if len(sizes) > 1:
                raise ValueError(
                    f"images of one batch must have one size; got {', '.join(map(str, sorted(sizes)))} "
                    "(use --batch-size 1, or a data.mode that crops)"
                )
            batch[key] = torch.stack(values)
        elif isinstance(first, bool):
            batch[key] = torch.tensor(values)
        else:
            batch[key] = values
    return batch
