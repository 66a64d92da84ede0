"""What every buffer of earlier fakes must do. Images are float32 ``[N, C, H, W]`` in [-1, 1]."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from i2i.plugins import BufferSpec, Options
from i2i.plugins.protocols import Buffer
from i2i.testing.results import Checklist, expect

FILLING = 80
"""Images that pass before the state is saved: more than the usual capacity of 50."""
AFTERWARDS = 40


def buffer_checks(checks: Checklist, spec: BufferSpec, options: Options) -> None:
    """Check one buffer."""

    def make(seed: int = 0) -> Buffer:
        built: Buffer = spec.build(options, generator=torch.Generator().manual_seed(seed))
        missing = [
            name for name in ("exchange", "state_dict", "load_state_dict") if not callable(getattr(built, name, None))
        ]
        expect(
            not missing,
            f"build must return an object with exchange, state_dict and load_state_dict; "
            f"{type(built).__name__} has no {', '.join(missing)}",
        )
        return built

    def builds() -> None:
        make()

    if not checks.run("builds a buffer", builds):
        return
    checks.run("as many images", lambda: _exchange_check(make()))
    checks.run("detached", lambda: _detached_check(make()))
    checks.run("input untouched", lambda: _untouched_check(make()))
    checks.run("determinism", lambda: _determinism_check(make(), make()))
    checks.run("state", lambda: _plain_state_check(make()))
    checks.run("state round trip", lambda: _resume_check(make(0), make(1)))


def _exchange_check(buffer: Buffer) -> None:
    for number in range(FILLING):
        images = _images(number, count=1 + number % 3)
        returned = buffer.exchange(images)
        expect(isinstance(returned, Tensor), f"exchange must return a tensor; got {type(returned).__name__}")
        expect(
            returned.shape == images.shape and returned.dtype == images.dtype,
            f"exchange must return {list(images.shape)} {images.dtype}; got {list(returned.shape)} {returned.dtype}",
        )
        low, high = returned.min().item(), returned.max().item()
        expect(low >= -1.0 and high <= 1.0, f"images in [-1, 1] came back as {low:.3g} to {high:.3g}")


def _detached_check(buffer: Buffer) -> None:
    for number in range(FILLING):
        weight = torch.ones((), requires_grad=True)
        returned = buffer.exchange(_images(number) * weight)
        expect(not returned.requires_grad, "exchange must return detached images; use detach()")


def _untouched_check(buffer: Buffer) -> None:
    for number in range(FILLING):
        images = _images(number)
        before = images.clone()
        buffer.exchange(images)
        expect(torch.equal(images, before), "exchange must not change the images that it is given")


def _determinism_check(first: Buffer, second: Buffer) -> None:
    torch.manual_seed(0)
    once = _exchange_many(first, 0, FILLING)
    torch.manual_seed(1)
    again = _exchange_many(second, 0, FILLING)
    expect(
        torch.equal(once, again),
        "the same generator seed gave other images; draw every random number from the generator given to build",
    )


def _plain_state_check(buffer: Buffer) -> None:
    _exchange_many(buffer, 0, FILLING)
    _expect_plain(buffer.state_dict(), "state_dict()")


def _resume_check(buffer: Buffer, resumed: Buffer) -> None:
    """``resumed`` starts from another seed, so that it continues identically only if the random state is saved."""
    _exchange_many(buffer, 0, FILLING)
    state = copy.deepcopy(buffer.state_dict())
    straight = _exchange_many(buffer, FILLING, AFTERWARDS)
    resumed.load_state_dict(state)
    expect(
        torch.equal(straight, _exchange_many(resumed, FILLING, AFTERWARDS)),
        "a buffer that loads the state does not continue as the first one did; "
        "state_dict must hold the images and the generator's state (generator.get_state())",
    )


def _expect_plain(value: Any, where: str) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            expect(isinstance(key, str), f"{where} has the key {key!r}; expected strings")
            _expect_plain(item, f"{where}[{key!r}]")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _expect_plain(item, f"{where}[{index}]")
    else:
        plain = value is None or isinstance(value, Tensor | bool | int | float | str)
        expect(
            plain,
            f"{where} is a {type(value).__name__}; "
            "expected nested dicts and lists of tensors, numbers, strings and None",
        )


def _exchange_many(buffer: Buffer, first: int, count: int) -> Tensor:
    return torch.cat([buffer.exchange(_images(number)) for number in range(first, first + count)])


def _images(number: int, count: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(1000 + number)
    return torch.rand(count, 3, 4, 4, generator=generator) * 2.0 - 1.0
