"""The history of generated images that steadies the discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class ReplayBuffer:
    """A history of earlier fakes (Shrivastava et al. 2017, sec. 2.3), by CycleGAN's rule.

    Until it is full, every fake is stored and returned. From then on, for each fake in batch order, a number is drawn
    from [0, 1): above one half, a uniformly chosen stored image is returned and the fake takes its place; otherwise the
    fake is returned and nothing is stored.

    Args:
        size: number of images kept; 0 returns every batch untouched.
        generator: random numbers on the CPU, owned by this buffer.
    """

    def __init__(self, size: int, generator: torch.Generator) -> None:
        if size < 0:
            raise ValueError(f"size must be 0 or more; got {size}")
        self.size = size
        self.generator = generator
        self.images: list[Tensor] = []  # each [1, C, H, W], detached, on the device it came from

    def exchange(self, images: Tensor) -> Tensor:
        """Take fakes ``[N, C, H, W]`` and return as many, each new or from the history, detached."""
        images = images.detach()
        if self.size == 0 or len(images) == 0:
            return images
        return torch.cat([self._exchange_one(images[n : n + 1]) for n in range(len(images))])

    def _exchange_one(self, image: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(image.clone())
            return image
        if torch.rand((), generator=self.generator).item() > 0.5:
            slot = int(torch.randint(self.size, (), generator=self.generator))
            earlier = self.images[slot]
            self.images[slot] = image.clone()
            return earlier
        return image

    def state_dict(self) -> dict[str, Any]:
        """Return the stored images and the state of the random generator."""
        return {"images": list(self.images), "generator": self.generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned.

        Raises:
            ValueError: when it holds more images than this buffer's size.
        """
        if len(state["images"]) > self.size:
            raise ValueError(f"a replay buffer of size {self.size} cannot hold {len(state['images'])} stored images")
        self.images = list(state["images"])
        self.generator.set_state(state["generator"].cpu())
