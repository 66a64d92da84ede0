"""The residual block: its reference against a formula, the fused one against both."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from i2i.ops import residual_block

from ..helpers.examples import examples
from .blocks import LAYOUTS, block_formula, filters, images, relative_error

AFFINE = ("norm_weight1", "norm_bias1", "norm_weight2", "norm_bias2")


def arguments(channels, dtype=torch.float32):
    return {
        "weight1": filters(channels, 1, dtype),
        "bias1": images(channels, dtype=dtype, seed=2),
        "weight2": filters(channels, 3, dtype),
        "bias2": images(channels, dtype=dtype, seed=4),
    }


def affine(channels, dtype=torch.float32):
    return {name: images(channels, dtype=dtype, seed=5 + place) for place, name in enumerate(AFFINE)}


def expected(x, parameters):
    wide = {name: value.double() for name, value in parameters.items()}
    return block_formula(x.double(), wide["weight1"], wide["weight2"], *(wide.get(name) for name in AFFINE))


@pytest.mark.parametrize("norms", [{}, affine(3, torch.float64)], ids=["plain", "affine"])
def test_the_reference_is_the_formula(norms):
    x, parameters = images(2, 3, 5, 7, dtype=torch.float64), arguments(3, torch.float64)
    got = residual_block(x, **parameters, **norms)
    torch.testing.assert_close(got, expected(x, parameters | norms), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_the_reference_takes_every_dtype_and_float32_weights(dtype):
    x = images(1, 4, 6, 6, dtype=dtype)
    got = residual_block(x, **arguments(4), **affine(4), impl="reference")
    assert got.dtype == dtype
    bound = {torch.float16: 4e-3, torch.bfloat16: 3e-2, torch.float32: 1e-6}[dtype]
    assert relative_error(got, expected(x, arguments(4) | affine(4))) < bound


@pytest.mark.usefixtures("native")
class TestFused:
    @settings(max_examples=examples(40), deadline=None)
    @given(
        batch=st.integers(1, 3),
        channels=st.integers(1, 40),
        height=st.integers(2, 15),
        width=st.integers(2, 15),
        layout=st.sampled_from(sorted(LAYOUTS)),
        with_affine=st.booleans(),
    )
    def test_any_size_and_layout_gives_the_formula(self, batch, channels, height, width, layout, with_affine):
        x = LAYOUTS[layout](images(batch, channels, height, width))
        parameters = arguments(channels) | (affine(channels) if with_affine else {})
        got = residual_block(x, **parameters, impl="fused")
        # Planes of few values have variances near zero, which the norms then divide by.
        assert relative_error(got, expected(x, parameters)) < 5e-4
        channels_last = layout == "channels_last" and not x.is_contiguous()
        assert got.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)

    @pytest.mark.parametrize("size", [(24, 24), (25, 31)])
    def test_accuracy_at_ordinary_sizes(self, size):
        x, parameters = images(1, 64, *size), arguments(64)
        assert relative_error(residual_block(x, **parameters, impl="fused"), expected(x, parameters)) < 1e-5

    def test_bfloat16_is_rounded_only_on_the_way_in_and_out(self):
        x, parameters = images(1, 16, 9, 8, dtype=torch.bfloat16), arguments(16)
        got = residual_block(x, **parameters, impl="fused")
        assert got.dtype == torch.bfloat16
        assert relative_error(got, expected(x, parameters)) < 4e-3  # half a step of bfloat16 is 2e-3

    def test_a_mean_far_from_zero_leaves_the_statistics_right(self):
        x, parameters = images(1, 16, 16, 16) + 1e4, arguments(16)
        got = residual_block(x, **parameters, impl="fused") - x
        # The values themselves are rounded to 1e-3; a variance from sums of squares would be off by more than one.
        assert relative_error(got, expected(x, parameters) - x.double()) < 2e-2

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_what_is_not_finite_spreads_as_in_the_reference(self, value):
        x, parameters = images(2, 16, 8, 8), arguments(16)
        x[1, 3, 4, 4] = value
        got, reference = (residual_block(x, **parameters, impl=impl) for impl in ("fused", "reference"))
        assert torch.equal(got.isnan(), reference.isnan())
        assert not got[0].isnan().any()

    def test_no_images_give_no_images_and_no_gradients(self):
        x = torch.empty(0, 4, 6, 6, requires_grad=True)
        parameters = {name: value.requires_grad_() for name, value in arguments(4).items()}
        got = residual_block(x, **parameters, impl="fused")
        got.sum().backward()
        assert got.shape == x.shape
        assert not parameters["weight1"].grad.any()

    def test_every_number_of_threads_gives_the_same_bits(self):
        def step():
            x = images(1, 16, 33, 29).requires_grad_()
            parameters = {name: value.requires_grad_() for name, value in arguments(16).items()}
            out = residual_block(x, **parameters, impl="fused")
            out.square().sum().backward()
            return [out, x.grad, *(parameter.grad for parameter in parameters.values())]

        first = step()
        torch.set_num_threads(3)
        assert all(torch.equal(one, three) for one, three in zip(first, step(), strict=True))


def gradients(function, x, parameters, weight):
    """Gradients of a weighted sum of the outputs, with respect to everything."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in (x, *parameters.values())]
    out = function(leaves[0], dict(zip(parameters, leaves[1:], strict=True)))
    used = torch.autograd.grad((out * weight.to(out.dtype)).sum(), leaves, allow_unused=True)
    return dict(zip(("x", *parameters), used, strict=True))


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
@pytest.mark.parametrize("norms", [{}, affine(5)], ids=["plain", "affine"])
def test_native_gradients_are_those_of_the_formula(norms, layout, recompute):
    x, parameters, weight = images(2, 5, 6, 7, seed=11), arguments(5) | norms, images(2, 5, 6, 7, seed=12)
    wide = {name: value.double() for name, value in parameters.items()}
    y = torch.nn.functional.conv2d(torch.nn.functional.pad(x.double(), (1,) * 4, "reflect"), wide["weight1"])
    y = torch.nn.functional.instance_norm(y, weight=wide.get("norm_weight1"), bias=wide.get("norm_bias1"))
    assert y.abs().min() > 1e-5  # a ReLU that decides otherwise would hide how exact the rest is
    correct = gradients(lambda x, p: expected(x, p), x.double(), wide, weight)

    found = gradients(
        lambda x, p: residual_block(x, **p, impl="fused", recompute=recompute), LAYOUTS[layout](x), parameters, weight
    )

    for name in found:
        if name in ("bias1", "bias2"):
            assert not found[name].any()
        else:
            assert found[name].shape == correct[name].shape
            assert relative_error(found[name], correct[name]) < 2e-5, name


@pytest.mark.usefixtures("native")
def test_recomputing_changes_no_bit_and_keeps_less():
    def run(recompute):
        kept = []
        x = images(1, 16, 12, 12).requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
            out = residual_block(x, **arguments(16), impl="fused", recompute=recompute)
        out.square().sum().backward()
        return x.grad, sum(kept)

    (first, much), (second, little) = run(False), run(True)
    assert torch.equal(first, second)
    assert much - little >= 2 * 16 * 12 * 12


@pytest.mark.usefixtures("native")
def test_frozen_weights_get_no_gradient_and_the_input_gets_the_same():
    parameters = arguments(6)
    weight = images(1, 6, 8, 8, seed=9)
    full = gradients(lambda x, p: residual_block(x, **p, impl="fused"), images(1, 6, 8, 8), parameters, weight)
    x = images(1, 6, 8, 8).requires_grad_()
    (residual_block(x, **parameters, impl="fused") * weight).sum().backward()
    torch.testing.assert_close(x.grad, full["x"])
    assert all(parameter.grad is None for parameter in parameters.values())


@pytest.mark.usefixtures("native")
def test_one_tensor_for_both_weights_gets_the_sum_of_both_gradients():
    x, shared = images(1, 4, 8, 8, seed=2), filters(4, 1)

    def gradient(impl, create_graph):
        weight = shared.clone().requires_grad_()
        out = residual_block(x, weight, None, weight, None, impl=impl)
        return torch.autograd.grad(out.square().sum(), weight, create_graph=create_graph)[0].detach()

    reference = gradient("reference", False)
    torch.testing.assert_close(gradient("fused", False), reference, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(gradient("fused", True), reference, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("recompute", [False, True])
def test_gradcheck_of_first_and_second_order(recompute):
    x = images(1, 2, 3, 4, dtype=torch.float64, seed=3).requires_grad_()
    parameters = [filters(2, seed, torch.float64).requires_grad_() for seed in (1, 3)]
    norms = [images(2, dtype=torch.float64, seed=5 + place).requires_grad_() for place in range(4)]

    def call(x, weight1, weight2, *norms):
        named = dict(zip(AFFINE, norms, strict=True))
        return residual_block(x, weight1, None, weight2, None, **named, recompute=recompute)

    assert torch.autograd.gradcheck(call, (x, *parameters, *norms))
    assert torch.autograd.gradgradcheck(call, (x, *parameters, *norms))


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("recompute", [False, True])
def test_a_gradient_penalty_goes_through_the_fused_block(recompute):
    def penalty(impl):
        x = images(2, 4, 6, 6, seed=3).requires_grad_()
        parameters = {name: value.requires_grad_() for name, value in (arguments(4) | affine(4)).items()}
        out = residual_block(x, **parameters, impl=impl, recompute=recompute)
        slope = torch.autograd.grad(out.square().sum(), x, create_graph=True)[0]
        (slope.flatten(1).norm(dim=1) - 1).square().sum().backward()
        return [x.grad, *(parameter.grad for parameter in parameters.values())]

    for fused, reference in zip(penalty("fused"), penalty("reference"), strict=True):
        torch.testing.assert_close(fused, reference, rtol=2e-3, atol=2e-2)


def test_biases_have_no_effect_and_zero_gradients():
    x, parameters = images(1, 3, 5, 5), arguments(3)
    biases = {name: torch.full((3,), torch.nan, requires_grad=True) for name in ("bias1", "bias2")}
    out = residual_block(x, **(parameters | biases))
    x_without = x.clone().requires_grad_()  # in training as well: inference rounds differently
    assert torch.equal(out, residual_block(x_without, **(parameters | {"bias1": None, "bias2": None})))
    out.relu_().sum().backward()  # in place: the result is a tensor like any other
    assert all(torch.equal(bias.grad, torch.zeros(3)) for bias in biases.values())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": [1]}, TypeError, "x must be a tensor; got list"),
        ({"x": torch.zeros(1, 4, 8, 8, dtype=torch.int32)}, TypeError, "x must be float16, .*; got torch.int32"),
        ({"x": torch.zeros(4, 8, 8)}, ValueError, r"x must have shape \[N, C, H, W\]; got \[4, 8, 8\]"),
        ({"x": torch.zeros(1, 4, 1, 8)}, ValueError, "x must have height and width of at least 2, .*; got 1x8"),
        (
            {"weight1": torch.zeros(4, 4, 1, 1)},
            ValueError,
            r"weight1 must have shape \[4, 4, 3, 3\] for x with 4 channels; got \[4, 4, 1, 1\]",
        ),
        ({"weight2": torch.zeros(5, 4, 3, 3)}, ValueError, r"weight2 must .*; got \[5, 4, 3, 3\]"),
        ({"weight2": None}, TypeError, "weight2 must be a tensor; got NoneType"),
        (
            {"weight1": torch.zeros(4, 4, 3, 3, dtype=torch.float64)},
            TypeError,
            "weight1 must have dtype torch.float32, the dtype of x; got torch.float64",
        ),
        ({"bias2": torch.zeros(3)}, ValueError, r"bias2 must have shape \[4\]"),
        ({"norm_weight1": torch.ones(4)}, ValueError, "must be given together; got norm_weight1 without norm_bias1"),
        ({"norm_bias2": torch.ones(4)}, ValueError, "must be given together; got norm_bias2 without norm_weight2"),
        ({"weight1": torch.zeros(4, 4, 3, 3, device="meta")}, ValueError, "weight1 must be on cpu, .*; got meta"),
        ({"eps": -1.0}, ValueError, "eps must be at least 0; got -1.0"),
        ({"eps": "a"}, TypeError, "eps must be a number; got 'a'"),
        ({"eps": float("nan")}, ValueError, "eps must be at least 0; got nan"),
        ({"impl": "fast"}, ValueError, "impl must be one of 'auto', 'fused', 'reference'; got 'fast'"),
    ],
)
def test_wrong_arguments_are_named(change, error, message):
    with pytest.raises(error, match=message):
        residual_block(**({"x": torch.zeros(1, 4, 8, 8), **arguments(4)} | change))
