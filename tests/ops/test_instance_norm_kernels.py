"""The CPU kernels of both instance norms against float64, for each variant of them that this processor runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from i2i.ops.native import cpu

from ..helpers.examples import examples
from .blocks import LAYOUTS, images, normalised, reflected

ACTIVATIONS = {
    "none": lambda x: x,
    "relu": lambda x: x.clamp(min=0),
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.2 * x),
}


def fused(x, skip, weight, bias, act, pad):
    """Output, mean and rstd of the native operator; with ``skip`` there is no activation."""
    if skip is not None:
        return torch.ops.i2i.instance_norm_add(x, skip, weight, bias, 1e-5, pad)
    return torch.ops.i2i.instance_norm_act(x, weight, bias, 1e-5, act, 0.2, pad)


def fused_gradients(grad, x, skip, weight, bias, statistics, act, pad):
    if skip is not None:
        dx, dskip, *affine = torch.ops.i2i.instance_norm_add_backward(grad, x, weight, *statistics, pad)
        return dx, dskip, *affine
    dx, *affine = torch.ops.i2i.instance_norm_act_backward(grad, x, weight, bias, *statistics, act, 0.2, pad)
    return dx, None, *affine


def formula(x, skip, weight, bias, act, pad):
    out = normalised(x, weight, bias)
    out = ACTIVATIONS[act](out) if skip is None else out + skip
    return reflected(out, pad)


@pytest.mark.usefixtures("native")
class TestKernels:
    @settings(max_examples=examples(80), deadline=None)
    @given(
        shape=st.tuples(st.integers(1, 3), st.integers(1, 70), st.integers(1, 19), st.integers(2, 40)),
        pad=st.integers(0, 4),
        act=st.sampled_from([*ACTIVATIONS, "add"]),
        layouts=st.tuples(*[st.sampled_from(sorted(LAYOUTS))] * 3),
        affine=st.booleans(),
        bfloat16=st.booleans(),
        mean=st.sampled_from([0.0, -3.0, 1e4]),
    )
    def test_any_size_layout_and_mean(self, shape, pad, act, layouts, affine, bfloat16, mean):
        dtype = torch.bfloat16 if bfloat16 else torch.float32
        pad = min(pad, shape[2] - 1, shape[3] - 1)
        padded = (*shape[:2], shape[2] + 2 * pad, shape[3] + 2 * pad)
        x, skip, grad = (
            LAYOUTS[layout](images(*size, seed=seed).add(offset).to(dtype))
            for layout, size, seed, offset in zip(
                layouts, (shape, shape, padded), (3, 4, 5), (mean if not bfloat16 else 0, 0, 0), strict=True
            )
        )
        skip = skip if act == "add" else None
        weight, bias = (images(shape[1], seed=seed) if affine else None for seed in (1, 2))
        leaves = [None if t is None else t.double().requires_grad_() for t in (x, skip, weight, bias)]
        before = normalised(leaves[0], leaves[2], leaves[3])
        assume(act in ("none", "add") or before.abs().min() > 1e-5)  # where the activation's slope is beyond doubt

        out, *statistics = fused(x, skip, weight, bias, act, pad)
        expected = formula(*leaves, act, pad)
        rounding = 2**-8 if bfloat16 else 0
        # Of the larger of what the activation took and gave: where it leaves little of a plane, rounding is before it.
        size = torch.maximum(before.abs().amax((2, 3), keepdim=True), expected.abs().amax((2, 3), keepdim=True))
        close = 1e-5 * size + rounding * expected.abs()
        assert out.dtype == dtype
        assert ((out.double() - expected).abs() <= close).all()

        gradients = fused_gradients(grad, x, skip, weight, bias, statistics, act, pad)
        wanted = iter(torch.autograd.grad(expected, [leaf for leaf in leaves if leaf is not None], grad.double()))
        # What the terms of a gradient may add up to: they cancel in planes of a few values.
        size = 9 * grad.double().abs().max() * (shape[2] * shape[3]) ** 0.5
        scale = statistics[1].double()[..., None, None] * (1 if weight is None else weight.abs()[:, None, None])
        for got, leaf, terms in zip(
            gradients, leaves, (size * scale, size, *[size * shape[2] * shape[3] * shape[0]] * 2), strict=True
        ):
            if leaf is None:
                assert got is None or got.numel() == 0
                continue
            right = next(wanted)
            assert ((got.double() - right).abs() <= 1e-6 * terms + rounding * right.abs()).all()

    @pytest.mark.parametrize("shape", [(1, 24, 40, 30), (1, 2, 300, 301), (20, 3, 20, 20)])
    @pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
    @pytest.mark.parametrize("act", ["leaky_relu", "add"])
    def test_one_two_and_three_threads_give_the_same_bits(self, shape, layout, act):
        x = LAYOUTS[layout](images(*shape, seed=1) + 3)
        skip = x.sin() if act == "add" else None
        weight, bias = images(shape[1], seed=2), images(shape[1], seed=3)

        def step():
            out, *statistics = fused(x, skip, weight, bias, act, 2)
            gradients = fused_gradients(out.sin(), x, skip, weight, bias, statistics, act, 2)
            return [out, *statistics, *(gradient for gradient in gradients if gradient is not None)]

        one = step()
        for threads in (2, 3):
            torch.set_num_threads(threads)
            assert all(torch.equal(*pair) for pair in zip(one, step(), strict=True))

    def test_expanded_inputs_and_gradients_are_read_as_they_are_seen(self):
        x, grad = images(1, 1, 6, 7).expand(2, 3, 6, 7), torch.ones(()).expand(2, 3, 10, 11)
        out, *statistics = fused(x, x, None, None, "add", 2)
        dx, dskip, *_ = fused_gradients(grad, x, x, None, None, statistics, "add", 2)
        same, *_ = fused(x.contiguous(), x.contiguous(), None, None, "add", 2)
        dsame, dskip_same, *_ = fused_gradients(
            grad.contiguous(), x.contiguous(), x.contiguous(), None, None, statistics, "add", 2
        )
        assert torch.equal(out, same)
        assert torch.equal(dx, dsame)
        assert torch.equal(dskip, dskip_same)

    @pytest.mark.parametrize("shape", [(0, 4, 6, 6), (2, 0, 6, 6), (2, 4, 0, 6)])
    @pytest.mark.parametrize("act", ["relu", "add"])
    def test_nothing_in_gives_nothing_out_and_gradients_of_zero(self, shape, act):
        x, weight = torch.empty(shape), torch.ones(shape[1])
        skip = x if act == "add" else None
        out, *statistics = fused(x, skip, weight, weight, act, 0)
        dx, _, dweight, dbias = fused_gradients(out, x, skip, weight, weight, statistics, act, 0)
        assert out.shape == dx.shape == x.shape
        assert torch.equal(dweight, torch.zeros_like(weight))
        assert torch.equal(dbias, torch.zeros_like(weight))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"x": torch.zeros(4, 8, 8)}, r"x must have shape \[N, C, H, W\]; got \[4, 8, 8\]"),
            ({"x": torch.zeros(1, 4, 8, 8).double()}, "x must be float32 or bfloat16"),
            ({"act": "gelu"}, "act must be one of 'none', 'relu', 'leaky_relu'; got 'gelu'"),
            ({"pad": 8}, r"pad must be less than height and width of x, to reflect it; got 8 for x of shape \[1, 4"),
            ({"pad": -1}, "pad must be at least 0; got -1"),
            ({"weight": torch.ones(3)}, r"weight must have shape \[4\]; got \[3\]"),
            ({"skip": torch.ones(1, 4, 8, 9)}, r"skip must have shape \[1, 4, 8, 8\] .* got \[1, 4, 8, 9\]"),
        ],
    )
    def test_the_operators_name_a_wrong_argument_themselves(self, change, message):
        arguments = {"x": torch.zeros(1, 4, 8, 8), "skip": None, "weight": None, "bias": None, "act": "relu", "pad": 1}
        with pytest.raises(RuntimeError, match=message):
            fused(**(arguments | change))


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["avx512", "avx2", "portable"])
def test_the_other_variants_pass_these_tests(variant: str) -> None:
    kernels = cpu.load()
    if kernels.library is None:
        pytest.skip("; ".join(kernels.reasons.values()))
    if variant not in kernels.facts["supported"].split():
        pytest.skip(f"this processor or compiler has no {variant}")
    if variant == kernels.variant:
        pytest.skip("the tests above ran it")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"{__file__}::TestKernels"],
        env={**os.environ, "I2I_CPU": variant},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
