"""Reflection padding and its gradient, the passes of the residual block that normalise nothing."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from .on_host import ASCENDING, DESCENDING, RANDOM, TYPES, OnHost
from .reference import TOLERANCE, assert_close, images
from .test_forward import LAYOUTS, at_element


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@LAYOUTS
def test_values_of_padding_and_gradient(on_host: OnHost, dtype: torch.dtype, channels_last: bool) -> None:
    torch.manual_seed(20)
    for number, shape in enumerate([(2, 3, 37, 41), (1, 8, 33, 20), (2, 40, 5, 4), (1, 1, 2, 2), (0, 2, 4, 4)]):
        on_host.run_as(order=(ASCENDING, DESCENDING, RANDOM)[number % 3], seed=number)
        for pad in (1, min(3, min(shape[2:]) - 1)):
            x = images(*shape, dtype=dtype, channels_last=channels_last)
            x = at_element(number % 3, x) if x.numel() else x
            padded = on_host.reflection_pad(x, pad)
            assert torch.equal(padded, F.pad(x, (pad,) * 4, mode="reflect"))
            leaf = x.double().requires_grad_()
            gradient = (
                torch.randn(padded.shape)
                .to(dtype)
                .contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
            )
            if x.numel():
                F.pad(leaf, (pad,) * 4, mode="reflect").backward(gradient.double())
                assert leaf.grad is not None
                added = images(*shape, dtype=dtype, channels_last=channels_last)
                got = on_host.reflection_pad_backward(gradient, added, pad)
                assert_close(f"{shape} {pad}", got, leaf.grad + added.double(), TOLERANCE[dtype])
