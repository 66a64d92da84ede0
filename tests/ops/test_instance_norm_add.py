"""Instance norm, skip and padding: the reference against a formula, the fused one against both."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from i2i.ops import instance_norm_add

from .blocks import LAYOUTS, images, normalised, reflected, relative_error


def formula(x, skip, weight=None, bias=None, pad=0):
    x, skip, weight, bias = (tensor if tensor is None else tensor.double() for tensor in (x, skip, weight, bias))
    return reflected(normalised(x, weight, bias) + skip, pad)


@pytest.mark.parametrize("pad", [0, 3])
@pytest.mark.parametrize("affine", [False, True])
def test_the_reference_is_the_formula(pad, affine):
    x, skip = (images(2, 3, 5, 7, dtype=torch.float64, seed=seed) for seed in (3, 4))
    weight, bias = (images(3, dtype=torch.float64, seed=seed) if affine else None for seed in (1, 2))
    got = instance_norm_add(x, skip, weight, bias, pad=pad)
    torch.testing.assert_close(got, formula(x, skip, weight, bias, pad), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("impl", ["auto", "reference"])
def test_dtypes_are_promoted_as_in_a_sum(impl):
    x, skip = images(1, 3, 5, 5, dtype=torch.bfloat16), images(1, 3, 5, 5)
    assert instance_norm_add(x, skip, impl=impl).dtype == torch.float32
    assert instance_norm_add(skip, x, impl=impl).dtype == torch.float32


@pytest.mark.usefixtures("native")
class TestFused:
    @settings(max_examples=60, deadline=None)
    @given(
        batch=st.integers(1, 3),
        channels=st.integers(1, 37),
        height=st.integers(1, 21),
        width=st.integers(2, 21),
        pad=st.integers(0, 3),
        layout=st.sampled_from(sorted(LAYOUTS)),
        layout_of_skip=st.sampled_from(sorted(LAYOUTS)),
        affine=st.booleans(),
        dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    )
    def test_any_size_and_layout_gives_the_formula(
        self, batch, channels, height, width, pad, layout, layout_of_skip, affine, dtype
    ):
        pad = min(pad, height - 1, width - 1)
        x = LAYOUTS[layout](images(batch, channels, height, width, dtype=dtype, seed=3))
        skip = LAYOUTS[layout_of_skip](images(batch, channels, height, width, dtype=dtype, seed=4))
        weight, bias = (images(channels, seed=seed) if affine else None for seed in (1, 2))
        got = instance_norm_add(x, skip, weight, bias, pad=pad, impl="fused")
        exact = 3e-4 if dtype == torch.float32 else 2e-2
        torch.testing.assert_close(got.double(), formula(x, skip, weight, bias, pad), rtol=exact, atol=exact)
        channels_last = layout == "channels_last" and not x.is_contiguous()
        assert got.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)

    def test_nan_of_either_input_stays_where_the_reference_has_it(self):
        x, skip = images(2, 4, 4, 8, seed=3), images(2, 4, 4, 8, seed=4)
        x[1, 3, 2, 2] = torch.nan
        skip[0, 1, 1, 1] = torch.nan
        got = instance_norm_add(x, skip, impl="fused")
        assert torch.equal(got.isnan(), instance_norm_add(x, skip, impl="reference").isnan())

    def test_no_images_give_no_images(self):
        assert instance_norm_add(torch.empty(0, 4, 6, 6), torch.empty(0, 4, 6, 6), impl="fused").shape == (0, 4, 6, 6)

    @pytest.mark.parametrize("pad", [0, 2])
    @pytest.mark.parametrize("affine", [False, True])
    @pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
    def test_gradients_are_those_of_the_formula(self, pad, affine, layout):
        inputs = [images(1, 5, 6, 7, seed=11), images(1, 5, 6, 7, seed=13)]
        inputs += [images(5, seed=seed) for seed in ((1, 2) if affine else ())]
        weight = images(1, 5, 6 + 2 * pad, 7 + 2 * pad, seed=12)

        def gradients(function, dtype):
            leaves = [tensor.to(dtype).requires_grad_() for tensor in inputs]
            out = function(LAYOUTS[layout](leaves[0]), *leaves[1:], pad=pad)
            return torch.autograd.grad(out, leaves, weight.to(dtype))

        fused = gradients(lambda *a, **k: instance_norm_add(*a, **k, impl="fused"), torch.float32)
        for got, expected in zip(fused, gradients(formula, torch.float64), strict=True):
            assert relative_error(got, expected) < 5e-6

    def test_one_tensor_as_both_inputs_gets_both_gradients(self):
        def gradient(impl, create_graph):
            x = images(1, 4, 6, 6).requires_grad_()
            out = instance_norm_add(x, x, impl=impl).pow(3).sum()
            return torch.autograd.grad(out, x, create_graph=create_graph)[0].detach()

        torch.testing.assert_close(gradient("fused", False), gradient("reference", False), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(gradient("fused", True), gradient("reference", False), rtol=1e-4, atol=1e-4)


def test_gradcheck_of_first_and_second_order():
    inputs = [images(1, 2, 3, 4, dtype=torch.float64, seed=seed) for seed in (3, 4)]
    leaves = [leaf.requires_grad_() for leaf in (*inputs, *(images(2, dtype=torch.float64, seed=s) for s in (1, 2)))]

    def call(x, skip, weight, bias):
        return instance_norm_add(x, skip, weight, bias, pad=1)

    assert torch.autograd.gradcheck(call, leaves)
    assert torch.autograd.gradgradcheck(call, leaves)


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("penalised", [0, 1])
def test_a_gradient_penalty_goes_through(penalised):
    def penalty(impl):
        leaves = [images(2, 4, 6, 6, seed=seed).requires_grad_() for seed in (3, 4)]
        out = instance_norm_add(*leaves, pad=1, impl=impl)
        slope = torch.autograd.grad(out.square().sum(), leaves[penalised], create_graph=True)[0]
        (slope.flatten(1).norm(dim=1) - 1).square().sum().backward()
        return [leaf.grad for leaf in leaves]

    for fused, reference in zip(penalty("fused"), penalty("reference"), strict=True):
        torch.testing.assert_close(fused, reference, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"skip": torch.zeros(1, 4, 8, 7)},
            ValueError,
            r"skip must have the shape of x, \[1, 4, 8, 8\]; got \[1, 4, 8, 7\]",
        ),
        ({"skip": torch.zeros(1, 4, 8, 8, dtype=torch.uint8)}, TypeError, "skip must be float16, .*; got torch.uint8"),
        (
            {"skip": torch.zeros(1, 4, 8, 8, device="meta")},
            ValueError,
            "skip must be on cpu, the device of x; got meta",
        ),
        ({"x": torch.zeros(1, 4, 1, 1), "skip": torch.zeros(1, 4, 1, 1)}, ValueError, "more than one value a plane"),
        ({"pad": 8}, ValueError, "pad must be less than height and width"),
        ({"bias": torch.ones(4)}, ValueError, "must be given together; got bias without weight"),
    ],
)
def test_wrong_arguments_are_named(change, error, message):
    with pytest.raises(error, match=message):
        instance_norm_add(**({"x": torch.zeros(1, 4, 8, 8), "skip": torch.zeros(1, 4, 8, 8)} | change))
