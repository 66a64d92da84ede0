"""The backward kernels against float64, as test_forward.py does with the forward ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from .on_host import ASCENDING, DESCENDING, RANDOM, RESIDENT, SPLIT, TYPES, OnHost
from .reference import TOLERANCE, affine, assert_close, expected_gradients, images
from .test_forward import DTYPES, LAYOUTS, NO_MEMORY, SHAPES, at_element, paddings

PATHS = pytest.mark.parametrize("memory", [99 << 10, NO_MEMORY], ids=["resident", "split"])
SUM_TOLERANCE = {torch.float32: 1e-5, torch.float16: 1.2e-3, torch.bfloat16: 9e-3}
"""Of the parameters' gradients, relative to the largest."""


def statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    variance, mean = torch.var_mean(x.double(), (2, 3), correction=0)
    return mean.float(), (variance + 1e-5).rsqrt().float()


def gradient_of(x: Tensor, pad: int) -> Tensor:
    batch, channels, height, width = x.shape
    gradient = torch.randn(batch, channels, height + 2 * pad, width + 2 * pad).to(x.dtype)
    return gradient if x.is_contiguous() else gradient.contiguous(memory_format=torch.channels_last)


@DTYPES
@LAYOUTS
@PATHS
def test_gradients_for_all_shapes_and_paddings(
    on_host: OnHost, dtype: torch.dtype, channels_last: bool, memory: int
) -> None:
    torch.manual_seed(10)
    on_host.run_as(shared_memory=memory)
    for shape in SHAPES:
        if shape[2:] == (1, 1):
            continue  # no gradient comes through a plane of one element; see the test below
        for number, pad in enumerate(paddings(*shape[2:])):
            act = ("leaky_relu", "relu", "none")[number]
            x = images(*shape, dtype=dtype, channels_last=channels_last)
            weight, bias = affine(shape[1], (dtype, torch.float32)[number % 2])
            gradient, (mean, rstd) = gradient_of(x, pad), statistics(x)
            got = on_host.instance_norm_act_backward(gradient, x, weight, bias, mean, rstd, act, pad)
            wanted = expected_gradients(gradient, x, None, weight, bias, act, pad)
            name = f"{shape} {pad} {act}"
            assert_close(f"dx {name}", got[0], wanted[0], 4 * TOLERANCE[dtype])
            assert_close(f"dweight {name}", got[1], wanted[2], SUM_TOLERANCE[weight.dtype])
            assert_close(f"dbias {name}", got[2], wanted[3], SUM_TOLERANCE[weight.dtype])

            got_add = on_host.instance_norm_add_backward(gradient, x, weight, mean, rstd, pad)
            wanted = expected_gradients(gradient, x, x, weight, bias, "none", pad)
            wanted_x = expected_gradients(gradient, x, None, weight, bias, "none", pad)[0]
            assert_close(f"dx {name}", got_add[0], wanted_x, 4 * TOLERANCE[dtype])
            assert_close(f"dskip {name}", got_add[1], wanted[1], TOLERANCE[dtype])
            assert_close(f"dweight {name}", got_add[2], wanted[2], SUM_TOLERANCE[weight.dtype])
            assert_close(f"dbias {name}", got_add[3], wanted[3], SUM_TOLERANCE[weight.dtype])


def test_planes_whose_static_memory_takes_a_block_beyond_48_kilobytes(on_host: OnHost) -> None:
    """Of which a device grants no byte more unasked."""
    x = images(1, 2, 62, 99)
    mean, rstd = statistics(x)
    gradient = gradient_of(x, 0)
    dx, _, _ = on_host.instance_norm_act_backward(gradient, x, None, None, mean, rstd, "none", 0)
    assert on_host.last_plan.path == RESIDENT
    assert (48 << 10) - 1024 < on_host.last_plan.shared_bytes <= 48 << 10
    wanted = expected_gradients(gradient, x, None, None, None, "none", 0)[0]
    assert_close("dx", dx, wanted, 4 * TOLERANCE[torch.float32])


def test_paths_are_the_ones_that_are_meant(on_host: OnHost) -> None:
    x = images(2, 2, 64, 64)
    mean, rstd = statistics(x)
    on_host.instance_norm_act_backward(gradient_of(x, 1), x, None, None, mean, rstd, "relu", 1)
    assert on_host.last_plan.path == RESIDENT
    assert len(on_host.launches) == 1
    on_host.run_as(shared_memory=32 << 10)
    weight, bias = affine(2, torch.float32)
    on_host.instance_norm_act_backward(gradient_of(x, 1), x, weight, bias, mean, rstd, "relu", 1)
    assert on_host.last_plan.path == SPLIT
    assert len(on_host.launches) == 3  # sums, gradients, and the parameters' gradients over the batch


@LAYOUTS
@PATHS
def test_same_bits_for_every_order_of_threads_and_blocks(on_host: OnHost, channels_last: bool, memory: int) -> None:
    torch.manual_seed(11)
    x = images(2, 12, 45, 47, dtype=torch.bfloat16, channels_last=channels_last)
    gradient, (mean, rstd), (weight, bias) = gradient_of(x, 2), statistics(x), affine(12, torch.float32)
    results = []
    for order in (ASCENDING, DESCENDING, RANDOM):
        for seed in range(4):
            on_host.run_as(order=order, seed=seed, workers=1 + seed % 2, shared_memory=memory)
            results.append(on_host.instance_norm_act_backward(gradient, x, weight, bias, mean, rstd, "relu", 2))
    for result in results[1:]:
        for one, other in zip(result, results[0], strict=True):
            assert one is not None
            assert other is not None
            assert torch.equal(one, other)


@LAYOUTS
@pytest.mark.parametrize("threads", [32, 96, 256, 1024])
def test_any_size_of_blocks(on_host: OnHost, channels_last: bool, threads: int) -> None:
    torch.manual_seed(12)
    for dtype, memory in ((torch.float32, 99 << 10), (torch.float16, 99 << 10), (torch.float16, NO_MEMORY)):
        on_host.run_as(order=RANDOM, shared_memory=memory)
        on_host.threads = threads if memory else min(threads, 256)
        x = images(1, 10, 40, 43, dtype=dtype, channels_last=channels_last)
        gradient, (mean, rstd) = gradient_of(x, 2), statistics(x)
        dx, _, _ = on_host.instance_norm_act_backward(gradient, x, None, None, mean, rstd, "relu", 2)
        wanted = expected_gradients(gradient, x, None, None, None, "relu", 2)[0]
        assert_close(str(dtype), dx, wanted, 4 * TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@LAYOUTS
@PATHS
def test_tensors_that_start_anywhere(on_host: OnHost, dtype: torch.dtype, channels_last: bool, memory: int) -> None:
    torch.manual_seed(13)
    on_host.run_as(shared_memory=memory)
    for start in range(8):
        x = at_element(start, images(1, 8, 11, 13, dtype=dtype, channels_last=channels_last))
        mean, rstd = statistics(x)
        for pad in (0, 1):
            gradient = at_element((3 * start) % 8, gradient_of(x, pad))
            dx, dskip, _, _ = on_host.instance_norm_add_backward(gradient, x, None, mean, rstd, pad)
            wanted = expected_gradients(gradient, x, None, None, None, "none", pad)[0]
            assert_close(f"dx {start} {pad}", dx, wanted, 4 * TOLERANCE[dtype])
            wanted = expected_gradients(gradient, x, x, None, None, "none", pad)[1]
            assert_close(f"dskip {start} {pad}", dskip, wanted, TOLERANCE[dtype])


@LAYOUTS
def test_skip_gradient_only_where_wanted(on_host: OnHost, channels_last: bool) -> None:
    torch.manual_seed(14)
    x = images(1, 4, 12, 12, channels_last=channels_last)
    gradient, (mean, rstd) = gradient_of(x, 0), statistics(x)
    with_it = on_host.instance_norm_add_backward(gradient, x, None, mean, rstd)
    written = on_host.launches[-1].written
    without = on_host.instance_norm_add_backward(gradient, x, None, mean, rstd, want_dskip=False)
    assert without[1] is None
    assert written - on_host.launches[-1].written == x.numel() * x.element_size()
    assert with_it[0] is not None
    assert without[0] is not None
    assert torch.equal(with_it[0], without[0])


@LAYOUTS
@PATHS
def test_planes_of_one_element_have_no_gradient(on_host: OnHost, channels_last: bool, memory: int) -> None:
    on_host.run_as(shared_memory=memory)
    x = images(3, 5, 1, 1, channels_last=channels_last)
    mean, rstd = x.flatten(1).clone(), torch.full((3, 5), 316.2278)
    dx, _, _ = on_host.instance_norm_act_backward(torch.randn_like(x), x, None, None, mean, rstd, "none", 0)
    assert dx.abs().max() < 1e-3


@LAYOUTS
def test_empty_batches_give_parameters_no_gradient(on_host: OnHost, channels_last: bool) -> None:
    x = images(0, 3, 8, 8, channels_last=channels_last)
    weight, bias = affine(3, torch.float32)
    empty = torch.empty(0, 3)
    dx, dweight, dbias = on_host.instance_norm_act_backward(gradient_of(x, 1), x, weight, bias, empty, empty, "relu", 1)
    assert dx.shape == x.shape
    assert dweight is not None
    assert dbias is not None
    assert torch.equal(dweight, torch.zeros(3))
    assert torch.equal(dbias, torch.zeros(3))
