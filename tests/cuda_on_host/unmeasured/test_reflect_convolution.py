"""The 3x3 convolution on tensor cores: reflection, norm and ReLU of what it reads, statistics of what it writes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ..on_host import ASCENDING, DESCENDING, RANDOM, KernelError, OnHost
from ..reference import affine, assert_close, images
from ..test_forward import LAYOUTS

ORDERS = (ASCENDING, DESCENDING, RANDOM)
TYPES = (torch.float16, torch.bfloat16)
ROUNDING = {torch.float16: 2.0**-11, torch.bfloat16: 2.0**-8}
"""Of a value to the nearest, relative to it."""

SHAPES = (
    (1, 16, 8, 16),  # one whole tile
    (1, 72, 9, 17),  # one more of everything: rows, columns, groups of filters
    (2, 8, 2, 2),  # the least that can be reflected
    (1, 3, 7, 33),  # fewer channels than are brought together, no 16 bytes of them
    (2, 24, 16, 5),  # channels end in the middle of what is brought together
    (1, 5, 2, 70),
    (1, 8, 70, 3),
)


def filters(channels: int, dtype: torch.dtype) -> Tensor:
    """``[D, C, 3, 3]``, channels_last in memory, which is ``[D, 3, 3, C]`` as the kernel reads it."""
    weight = (torch.randn(channels, channels, 3, 3) / (3 * channels**0.5)).to(dtype)
    return weight.contiguous(memory_format=torch.channels_last)


def convolved(x: Tensor, weight: Tensor) -> Tensor:
    """In float64."""
    return F.conv2d(F.pad(x.double(), (1,) * 4, mode="reflect"), weight.double())


def statistics(y: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Mean and reciprocal deviation of every plane, in float64."""
    variance, mean = torch.var_mean(y.double(), (2, 3), correction=0)
    return mean, (variance + eps).rsqrt()


def as_operand(y: Tensor, mean: Tensor, rstd: Tensor, norm_weight: Tensor | None, norm_bias: Tensor | None) -> Tensor:
    """relu(norm(y)), rounded to the type of y as what tensor cores multiply is."""
    out = (y.double() - mean.double()[..., None, None]) * rstd.double()[..., None, None]
    if norm_weight is not None and norm_bias is not None:
        out = out * norm_weight.double()[:, None, None] + norm_bias.double()[:, None, None]
    return F.relu(out).to(y.dtype)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@LAYOUTS
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_statistics(
    on_host: OnHost, dtype: torch.dtype, channels_last: bool, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(sum(shape))
    number = SHAPES.index(shape)
    on_host.run_as(order=ORDERS[number % 3], seed=number)
    x, weight = images(*shape, dtype=dtype, channels_last=channels_last), filters(shape[1], dtype)
    out, moments, _, _ = on_host.reflect_convolution(x, weight)
    assert_close("out", out, convolved(x, weight), 1.1 * ROUNDING[dtype])
    mean, rstd = on_host.tile_statistics(out, moments)
    wanted = statistics(out)
    assert_close("mean", mean, wanted[0], 1e-6)
    assert_close("rstd", rstd / wanted[1], torch.ones_like(wanted[1]), 2e-5)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@LAYOUTS
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_normalises_what_it_reads(
    on_host: OnHost, dtype: torch.dtype, channels_last: bool, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(sum(shape) + 1)
    number = SHAPES.index(shape)
    on_host.run_as(order=ORDERS[(number + 1) % 3], seed=number)
    x, weight = images(*shape, dtype=dtype, channels_last=channels_last), filters(shape[1], dtype)
    y, y_moments, _, _ = on_host.reflect_convolution(x, weight)
    norm = affine(shape[1], torch.float32) if number % 2 else (None, None)
    out, moments, mean, rstd = on_host.reflect_convolution(y, weight, y_moments, *norm, eps=1e-3)
    wanted = statistics(y, 1e-3)
    assert_close("mean", mean, wanted[0], 1e-6)
    assert_close("rstd", rstd / wanted[1], torch.ones_like(wanted[1]), 2e-5)
    # Where float32 and float64 round an operand to different neighbours, a product differs by that rounding.
    assert_close("out", out, convolved(as_operand(y, mean, rstd, *norm), weight), 2.5 * ROUNDING[dtype])
    assert_close("mean of out", on_host.tile_statistics(out, moments)[0], statistics(out)[0], 1e-6)


@LAYOUTS
def test_same_bits_in_every_order_of_threads(on_host: OnHost, channels_last: bool) -> None:
    torch.manual_seed(3)
    x, weight = images(2, 24, 11, 19, dtype=torch.float16, channels_last=channels_last), filters(24, torch.float16)
    results = []
    for number, order in enumerate(ORDERS):
        on_host.run_as(order=order, seed=number, workers=1 + number % 2)
        y, y_moments, _, _ = on_host.reflect_convolution(x, weight)
        results.append([y, y_moments, *on_host.reflect_convolution(y, weight, y_moments)])
    for other in results[1:]:
        assert all(torch.equal(one, same) for one, same in zip(results[0], other, strict=True))


def test_large_mean_costs_the_statistics_nothing(on_host: OnHost) -> None:
    torch.manual_seed(4)
    x = (1000 + torch.randn(1, 8, 20, 30)).half()
    weight = torch.zeros(8, 8, 3, 3, dtype=torch.float16)
    weight[range(8), range(8), 1, 1] = 1.0  # hands x on
    out, moments, _, _ = on_host.reflect_convolution(x, weight.contiguous(memory_format=torch.channels_last))
    assert torch.equal(out, x)
    rstd, wanted = on_host.tile_statistics(out, moments)[1], statistics(x)[1]
    assert_close("rstd", rstd / wanted, torch.ones_like(wanted), 1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_spreads_as_far_as_the_taps_reach(on_host: OnHost, value: float) -> None:
    torch.manual_seed(5)
    x, weight = images(1, 16, 9, 18, dtype=torch.bfloat16, channels_last=True), filters(16, torch.bfloat16)
    x[0, 3, 4, 15] = value
    out, moments, _, _ = on_host.reflect_convolution(x, weight)
    assert torch.equal(out.isfinite(), convolved(x, weight).isfinite())
    again, _, _, _ = on_host.reflect_convolution(out, weight, moments)
    assert not again.isfinite().any()  # a statistic that is not finite leaves nothing finite


def test_reads_and_writes_by_16_bytes(on_host: OnHost) -> None:
    x, weight = images(1, 64, 16, 16, dtype=torch.float16, channels_last=True), filters(64, torch.float16)
    out, moments, _, _ = on_host.reflect_convolution(x, weight)
    (launch,) = on_host.launches
    assert launch.wide_written == out.numel() * 2
    assert launch.written == launch.wide_written + moments.numel() * 4
    border = 2 * (10 * 18) * 64 * 2  # two tiles with the pixels around them
    assert launch.read == launch.wide_read == border + 2 * weight.numel() * 2


def test_float32_is_refused(on_host: OnHost) -> None:
    x = images(1, 8, 4, 4)
    with pytest.raises(KernelError):
        on_host.reflect_convolution(x, filters(8, torch.float32))


def test_nothing_is_launched_for_an_empty_batch(on_host: OnHost) -> None:
    out, _, _, _ = on_host.reflect_convolution(torch.empty(0, 8, 4, 4).half(), filters(8, torch.float16))
    assert out.shape == (0, 8, 4, 4)
    assert on_host.launches == []
