"""The forward kernels against float64: every type, layout and path, shapes that fill no block, orders of threads."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from .on_host import ASCENDING, CHANNELS_LAST, DESCENDING, RANDOM, RESIDENT, SPLIT, TYPES, OnHost
from .reference import TOLERANCE, affine, assert_close, expected, images

LAYOUTS = pytest.mark.parametrize("channels_last", [False, True], ids=["contiguous", "channels_last"])
DTYPES = pytest.mark.parametrize("dtype", TYPES, ids=str)
SHAPES = [(2, 3, 37, 41), (1, 8, 33, 20), (2, 40, 5, 4), (1, 3, 2, 2), (1, 1, 1, 1), (3, 2, 1, 7), (1, 1, 90, 67)]
NO_MEMORY = 0
"""Shared memory of a device on which no plane fits in a block."""


def paddings(height: int, width: int) -> list[int]:
    """None, one, and the largest or 3."""
    return sorted({0, min(1, height - 1, width - 1), min(3, height - 1, width - 1)})


@DTYPES
@LAYOUTS
@pytest.mark.parametrize("memory", [99 << 10, NO_MEMORY], ids=["resident", "split"])
def test_values_for_all_shapes_and_paddings(
    on_host: OnHost, dtype: torch.dtype, channels_last: bool, memory: int
) -> None:
    torch.manual_seed(0)
    on_host.run_as(shared_memory=memory)
    for shape in SHAPES:
        for number, pad in enumerate(paddings(*shape[2:])):
            x = images(*shape, dtype=dtype, channels_last=channels_last)
            weight, bias = affine(shape[1], (dtype, torch.float32)[number % 2])
            act = ("leaky_relu", "relu", "none")[number]
            out, mean, rstd = on_host.instance_norm_act(x, weight, bias, act, pad)
            assert_close(f"{shape} {pad}", out, expected(x, None, weight, bias, act, pad), TOLERANCE[dtype])
            variance, average = torch.var_mean(x.double(), (2, 3), correction=0)
            assert_close("mean", mean, average, 1e-6)
            assert_close("rstd", rstd * (variance + 1e-5).sqrt(), torch.ones_like(variance), 1e-6)
            skip = images(*shape, dtype=dtype, channels_last=channels_last)
            out, _, _ = on_host.instance_norm_add(x, skip, pad=pad)
            assert_close(f"{shape} {pad}", out, expected(x, skip, None, None, "none", pad), TOLERANCE[dtype])


@pytest.mark.parametrize(("shape", "dtype"), [((1, 2, 111, 110), torch.float32), ((1, 2, 156, 157), torch.bfloat16)])
def test_planes_whose_static_memory_takes_a_block_beyond_48_kilobytes(
    on_host: OnHost, shape: tuple[int, int, int, int], dtype: torch.dtype
) -> None:
    """Of which a device grants no byte more unasked."""
    x = images(*shape, dtype=dtype)
    out, _, _ = on_host.instance_norm_act(x)
    assert on_host.last_plan.path == RESIDENT
    assert (48 << 10) - 1024 < on_host.last_plan.shared_bytes <= 48 << 10
    assert_close("out", out, expected(x, None, None, None, "relu", 0), TOLERANCE[dtype])


def test_a_plane_of_4_gigabytes_is_resident_nowhere(on_host: OnHost) -> None:
    x = torch.empty((1, 1, 32767, 32769), device="meta")
    assert on_host.plan_forward(x).path == SPLIT


def test_paths_are_the_ones_that_are_meant(on_host: OnHost) -> None:
    x = images(1, 2, 64, 64)
    on_host.instance_norm_act(x)
    assert on_host.last_plan.path == RESIDENT
    assert [launch.grid for launch in on_host.launches] == [(2, 1)]
    on_host.run_as(shared_memory=16 << 10)  # the plane alone has as much
    on_host.instance_norm_act(x)
    assert on_host.last_plan.path == SPLIT
    assert len(on_host.launches) == 2
    on_host.instance_norm_act(x.contiguous(memory_format=torch.channels_last))
    assert on_host.last_plan.path == CHANNELS_LAST
    assert len(on_host.launches) == 2


@LAYOUTS
@pytest.mark.parametrize("memory", [99 << 10, NO_MEMORY], ids=["resident", "split"])
def test_same_bits_for_every_order_of_threads_and_blocks(on_host: OnHost, channels_last: bool, memory: int) -> None:
    torch.manual_seed(1)
    x = images(2, 12, 45, 47, dtype=torch.bfloat16, channels_last=channels_last)
    results: list[tuple[Tensor, ...]] = []
    for order in (ASCENDING, DESCENDING, RANDOM):
        for seed in range(4):  # four kinds of garbage in shared memory
            on_host.run_as(order=order, seed=seed, workers=1 + seed % 2, shared_memory=memory)
            results.append(on_host.instance_norm_act(x, pad=1))
    for result in results[1:]:
        assert all(torch.equal(one, other) for one, other in zip(result, results[0], strict=True))


@LAYOUTS
@pytest.mark.parametrize("threads", [32, 64, 96, 160, 256, 1024])
def test_any_size_of_blocks(on_host: OnHost, channels_last: bool, threads: int) -> None:
    torch.manual_seed(2)
    for dtype, memory in ((torch.float32, 99 << 10), (torch.float16, 99 << 10), (torch.float16, NO_MEMORY)):
        on_host.run_as(order=RANDOM, shared_memory=memory)
        on_host.threads = threads if memory else min(threads, 256)
        x = images(1, 10, 40, 43, dtype=dtype, channels_last=channels_last)
        out, _, _ = on_host.instance_norm_act(x, pad=2)
        assert_close(str(dtype), out, expected(x, None, None, None, "relu", 2), TOLERANCE[dtype])


@DTYPES
@LAYOUTS
@pytest.mark.parametrize("memory", [99 << 10, NO_MEMORY], ids=["resident", "split"])
def test_tensors_that_start_anywhere(on_host: OnHost, dtype: torch.dtype, channels_last: bool, memory: int) -> None:
    """A slice of a batch may start at any element, x and skip at different ones."""
    torch.manual_seed(3)
    on_host.run_as(shared_memory=memory)
    shape = (1, 8, 11, 13)
    for start in range(8):
        x = at_element(start, images(*shape, dtype=dtype, channels_last=channels_last))
        skip = at_element(7 - start, images(*shape, dtype=dtype, channels_last=channels_last))
        for pad in (0, 1):
            out, _, _ = on_host.instance_norm_add(x, skip, pad=pad)
            assert_close(f"{start} {pad}", out, expected(x, skip, None, None, "none", pad), TOLERANCE[dtype])


def at_element(start: int, x: Tensor) -> Tensor:
    """The same tensor, ``start`` elements behind an address that is a multiple of 64 bytes."""
    memory = torch.empty(x.numel() + start, dtype=x.dtype)
    assert memory.data_ptr() % 64 == 0
    moved = torch.as_strided(memory, x.shape, x.stride(), start)
    moved.copy_(x)
    return moved


@LAYOUTS
@pytest.mark.parametrize("memory", [99 << 10, NO_MEMORY], ids=["resident", "split"])
def test_large_mean_and_small_deviation(on_host: OnHost, channels_last: bool, memory: int) -> None:
    torch.manual_seed(4)
    on_host.run_as(shared_memory=memory)
    x = (torch.randn(1, 4, 64, 70) + 1e4).contiguous(
        memory_format=torch.channels_last if channels_last else torch.contiguous_format
    )
    out, _, _ = on_host.instance_norm_act(x, act="none")
    # x itself is known to 5e-4 and the mean that is kept can be no better
    assert (out.double() - expected(x, None, None, None, "none", 0)).abs().max() < 1e-3


@LAYOUTS
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_spoils_its_plane_alone(on_host: OnHost, channels_last: bool, value: float) -> None:
    torch.manual_seed(5)
    x = images(2, 4, 9, 10, channels_last=channels_last)
    x[1, 2, 3, 4] = value
    for memory in (99 << 10, NO_MEMORY):
        on_host.run_as(shared_memory=memory)
        out, _, _ = on_host.instance_norm_act(x, act="relu", pad=1)
        assert out[1, 2].isnan().all()
        out[1, 2], x[1, 2] = 0, 0
        x[1, 2] = 0
        assert_close("others", out, expected(x, None, None, None, "relu", 1), TOLERANCE[torch.float32])
        x[1, 2, 3, 4] = value


@LAYOUTS
def test_constant_planes_give_the_bias(on_host: OnHost, channels_last: bool) -> None:
    x = torch.full((2, 3, 8, 9), 7.3)
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    weight, bias = torch.ones(3), torch.tensor([-1.0, 0.0, 2.0])
    out, _, rstd = on_host.instance_norm_act(x, weight, bias, "none", 1)
    assert torch.allclose(out, bias[:, None, None].expand_as(out), atol=1e-4)
    assert torch.allclose(rstd, torch.tensor(1e-5).rsqrt())


@LAYOUTS
def test_given_statistics_are_used(on_host: OnHost, channels_last: bool) -> None:
    torch.manual_seed(6)
    x = images(2, 8, 12, 17, channels_last=channels_last)
    _, mean, rstd = on_host.instance_norm_act(x)
    again, _, _ = on_host.instance_norm_act(x, act="relu", pad=1, given=(mean, rstd))
    assert len(on_host.launches) == 1
    assert_close("same", again, expected(x, None, None, None, "relu", 1), TOLERANCE[torch.float32])
    other, _, _ = on_host.instance_norm_act(x, act="none", given=(mean + 1, rstd * 2))
    wanted = (x.double() - mean.double()[..., None, None] - 1) * rstd.double()[..., None, None] * 2
    assert_close("other", other, wanted, TOLERANCE[torch.float32])


@LAYOUTS
def test_empty_batches_launch_nothing(on_host: OnHost, channels_last: bool) -> None:
    x = images(0, 3, 8, 8, channels_last=channels_last)
    out, mean, _ = on_host.instance_norm_act(x, pad=1)
    assert on_host.launches == []
    assert out.shape == (0, 3, 10, 10)
    assert mean.shape == (0, 3)


def test_many_partial_results_are_merged(on_host: OnHost) -> None:
    """A plane of which every block has a part, and one block more than it has elements for."""
    torch.manual_seed(7)
    on_host.run_as(shared_memory=NO_MEMORY)
    x = images(1, 1, 160, 200)
    out, _, _ = on_host.instance_norm_act(x, act="none")
    assert on_host.last_plan.splits == 8
    assert_close("contiguous", out, expected(x, None, None, None, "none", 0), TOLERANCE[torch.float32])
    x = images(1, 4, 100, 90, channels_last=True)
    out, _, _ = on_host.instance_norm_act(x, act="none")
    assert on_host.last_plan.splits > 8
    assert_close("channels_last", out, expected(x, None, None, None, "none", 0), TOLERANCE[torch.float32])
