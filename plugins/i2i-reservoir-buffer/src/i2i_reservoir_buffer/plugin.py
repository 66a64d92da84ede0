"""What i2i loads: the options of the buffer and its spec. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import Field

from i2i.plugins import BufferSpec, Options, hookimpl

if TYPE_CHECKING:
    import torch

    from i2i_reservoir_buffer.buffer import ReservoirBuffer


class ReservoirOptions(Options):
    """Options of the buffer ``reservoir``."""

    size: int = Field(50, ge=1, description="number of earlier fakes kept")
    fresh: float = Field(0.5, ge=0, le=1, description="probability that a new fake is shown itself")


def build(options: ReservoirOptions, *, generator: torch.Generator) -> ReservoirBuffer:
    """Return an empty buffer that draws from ``generator``."""
    from i2i_reservoir_buffer.buffer import ReservoirBuffer

    return ReservoirBuffer(size=options.size, fresh=options.fresh, generator=generator)


@hookimpl
def i2i_buffers() -> Iterable[BufferSpec]:
    """Return the one buffer of this package."""
    return [
        BufferSpec(
            name="reservoir",
            summary="uniform sample of all earlier fakes (Vitter 1985)",
            options=ReservoirOptions,
            build=build,
        )
    ]
