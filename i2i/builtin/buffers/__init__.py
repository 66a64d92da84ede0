"""The built-in buffers of earlier fakes: their options and specs. Imports no torch."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from i2i.plugins import BufferSpec, Options


class ReplayOptions(Options):
    """Options of ``replay``."""

    size: int = Field(50, ge=0, description="how many earlier fakes are kept; 0 passes every fake straight through")


def _build_replay(options: ReplayOptions, *, generator: Any) -> Any:
    from i2i.builtin.buffers.replay import ReplayBuffer

    return ReplayBuffer(options.size, generator)


def _build_none(_: Options, *, generator: Any) -> Any:
    from i2i.builtin.buffers.replay import ReplayBuffer

    return ReplayBuffer(0, generator)


SPECS: tuple[BufferSpec, ...] = (
    BufferSpec(
        name="replay",
        summary="shows the discriminator earlier fakes half of the time (Shrivastava et al. 2017)",
        options=ReplayOptions,
        build=_build_replay,
    ),
    BufferSpec(name="none", summary="shows the discriminator the newest fakes only", build=_build_none),
)
