"""Reservoir sampling over the history of a generator.

Source: J. S. Vitter, "Random Sampling with a Reservoir", ACM Transactions on Mathematical Software 11(1), 1985,
Algorithm R.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from i2i.errors import CheckpointError


class ReservoirBuffer:
    """Keeps ``size`` fakes such that each fake ever made is among them with the same probability.

    A replay buffer overwrites a random slot every other time, so that old fakes die out exponentially. A reservoir lets
    the ``n``-th fake in with probability ``size / n``: after ``n`` fakes each of them is kept with that probability.

    Args:
        size: number of fakes kept, at least 1.
        fresh: probability, from 0 to 1, that a new fake is returned itself rather than one of the kept ones.
        generator: random numbers on the CPU; this buffer saves and restores its state.
    """

    def __init__(self, *, size: int, fresh: float, generator: torch.Generator) -> None:
        self.size = size
        self.fresh = fresh
        self.seen = 0
        self._generator = generator
        self._kept: list[Tensor] = []

    def __len__(self) -> int:
        """Number of fakes kept now."""
        return len(self._kept)

    @property
    def kept(self) -> tuple[Tensor, ...]:
        """The kept fakes, each ``[C, H, W]``."""
        return tuple(self._kept)

    def exchange(self, images: Tensor) -> Tensor:
        """Take new fakes and return as many to show to the discriminator, detached.

        Each new fake is returned itself with probability ``fresh`` (and always when it is the very first), otherwise
        replaced by a uniform draw from the reservoir of the fakes before it. Either way it is then offered to the
        reservoir.

        Args:
            images: ``[N, C, H, W]``. H and W may change from call to call only while N is 1.

        Raises:
            ValueError: when the images to show differ in size and thus make no batch.
        """
        shown = []
        for image in images.detach():
            shown.append(self._choose(image))
            self._offer(image)
        sizes = sorted({tuple(image.shape) for image in shown})
        if len(sizes) > 1:
            raise ValueError(
                f"buffer 'reservoir' cannot show images of different sizes in one batch; got {sizes}; "
                "train on one image size, or with a batch size of 1"
            )
        return torch.stack(shown) if shown else images.detach()

    def _choose(self, image: Tensor) -> Tensor:
        if not self._kept or self._uniform() < self.fresh:
            return image
        # A resumed buffer holds its images on the CPU.
        return self._kept[self._below(len(self._kept))].to(image.device)

    def _offer(self, image: Tensor) -> None:
        """Algorithm R: the ``n``-th item takes the place that a draw below ``n`` names, if there is such a place."""
        self.seen += 1
        if len(self._kept) < self.size:
            self._kept.append(image.clone())
            return
        slot = self._below(self.seen)
        if slot < self.size:
            self._kept[slot] = image.clone()

    def _uniform(self) -> float:
        return float(torch.rand((), dtype=torch.float64, generator=self._generator))

    def _below(self, limit: int) -> int:
        return int(torch.randint(limit, (), generator=self._generator))

    def state_dict(self) -> dict[str, Any]:
        """Return the kept fakes, how many were seen and the random state; changing it leaves the buffer alone."""
        return {
            "images": [image.clone() for image in self._kept],
            "seen": self.seen,
            "random": self._generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where the buffer that returned ``state`` stood.

        Raises:
            CheckpointError: when the state was saved with another ``size`` than this buffer can hold.
        """
        seen, images = int(state["seen"]), state["images"]
        if len(images) != min(seen, self.size):
            raise CheckpointError(
                f"buffer 'reservoir' of size {self.size} should hold {min(seen, self.size)} images after {seen} fakes; "
                f"the checkpoint has {len(images)}; resume with the buffer.size that the run was started with"
            )
        self.seen = seen
        self._kept = [image.clone() for image in images]
        self._generator.set_state(state["random"])
