"""Instance norm, activation and padding: the reference against a formula, the fused one against both."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from i2i.ops import instance_norm_act

from .blocks import LAYOUTS, images, normalised, reflected, relative_error

ACTIVATIONS = {
    "none": lambda x, slope: x,
    "relu": lambda x, slope: x.clamp(min=0),
    "leaky_relu": lambda x, slope: torch.where(x > 0, x, slope * x),
}


def formula(x, weight=None, bias=None, act="relu", negative_slope=0.2, pad=0):
    x, weight, bias = (tensor if tensor is None else tensor.double() for tensor in (x, weight, bias))
    return reflected(ACTIVATIONS[act](normalised(x, weight, bias), negative_slope), pad)


@pytest.mark.parametrize("act", ACTIVATIONS)
@pytest.mark.parametrize("pad", [0, 3])
@pytest.mark.parametrize("affine", [False, True])
def test_the_reference_is_the_formula(act, pad, affine):
    x = images(2, 3, 5, 7, dtype=torch.float64)
    weight, bias = (images(3, dtype=torch.float64, seed=seed) if affine else None for seed in (1, 2))
    got = instance_norm_act(x, weight, bias, act=act, negative_slope=0.3, pad=pad)
    torch.testing.assert_close(got, formula(x, weight, bias, act, 0.3, pad), rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("native")
class TestFused:
    @settings(max_examples=60, deadline=None)
    @given(
        batch=st.integers(1, 3),
        channels=st.integers(1, 37),
        height=st.integers(1, 21),
        width=st.integers(2, 21),
        pad=st.integers(0, 3),
        act=st.sampled_from(sorted(ACTIVATIONS)),
        layout=st.sampled_from(sorted(LAYOUTS)),
        affine=st.booleans(),
        dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    )
    def test_any_size_and_layout_gives_the_formula(
        self, batch, channels, height, width, pad, act, layout, affine, dtype
    ):
        pad = min(pad, height - 1, width - 1)
        x = LAYOUTS[layout](images(batch, channels, height, width, dtype=dtype))
        weight, bias = (images(channels, seed=seed) if affine else None for seed in (1, 2))
        got = instance_norm_act(x, weight, bias, act=act, pad=pad, impl="fused")
        expected = formula(x, weight, bias, act, 0.2, pad)
        assert got.dtype == dtype
        # Two values can lie so near to each other that their own rounding decides the result.
        exact = 3e-4 if dtype == torch.float32 else 2e-2
        torch.testing.assert_close(got.double(), expected, rtol=exact, atol=exact)
        channels_last = layout == "channels_last" and not x.is_contiguous()
        assert got.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)

    @pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
    def test_a_mean_far_from_zero_leaves_the_statistics_right(self, layout):
        x = LAYOUTS[layout](images(1, 16, 64, 64) + 1e4)
        got = instance_norm_act(x, act="none", impl="fused")
        assert relative_error(got, formula(x.double(), act="none")) < 1e-4

    @pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
    @pytest.mark.parametrize("act", ACTIVATIONS)
    def test_nan_stays_in_its_plane(self, act, layout):
        x = images(2, 16, 4, 8)
        x[1, 3, 2, 2] = torch.nan
        got = instance_norm_act(LAYOUTS[layout](x), act=act, pad=1, impl="fused")
        assert got[1, 3].isnan().all()
        assert got.isnan().sum() == got[1, 3].numel()

    def test_an_expanded_input_is_read_as_it_is_seen(self):
        x = images(1, 1, 6, 6).expand(2, 3, 6, 6)
        torch.testing.assert_close(instance_norm_act(x, impl="fused").double(), formula(x.double()))

    def test_no_images_give_no_images(self):
        x = torch.empty(0, 4, 6, 6, requires_grad=True)
        out = instance_norm_act(x, pad=2, impl="fused")
        out.sum().backward()
        assert out.shape == (0, 4, 10, 10)
        assert x.grad.shape == x.shape

    def test_the_operator_takes_the_mean_from_planes_of_one_value(self):
        """The function refuses them, as PyTorch's norm does; a graph that reaches the operator gets the limit."""
        out, mean, _ = torch.ops.i2i.instance_norm_act(images(2, 3, 1, 1), None, None, 1e-5, "none", 0.2, 0)
        assert torch.equal(out, torch.zeros(2, 3, 1, 1))
        assert torch.equal(mean, images(2, 3, 1, 1).flatten(1))

    def test_every_number_of_threads_gives_the_same_bits(self):
        def step():
            x = images(2, 16, 40, 30).requires_grad_()
            out = instance_norm_act(x, torch.ones(16), torch.zeros(16), pad=1, impl="fused")
            out.square().sum().backward()
            return out, x.grad

        first = step()
        torch.set_num_threads(3)
        assert all(torch.equal(one, three) for one, three in zip(first, step(), strict=True))

    @pytest.mark.parametrize("act", ACTIVATIONS)
    @pytest.mark.parametrize("pad", [0, 2])
    @pytest.mark.parametrize("affine", [False, True])
    @pytest.mark.parametrize("layouts", [("contiguous",) * 2, ("channels_last",) * 2, ("contiguous", "channels_last")])
    def test_gradients_are_those_of_the_formula(self, act, pad, affine, layouts):
        inputs = [images(1, 5, 6, 7, seed=11), *(images(5, seed=seed) for seed in ((1, 2) if affine else ()))]
        weight = LAYOUTS[layouts[1]](images(1, 5, 6 + 2 * pad, 7 + 2 * pad, seed=12))
        assert normalised(*(tensor.double() for tensor in inputs)).abs().min() > 1e-5

        def gradients(function, dtype):
            leaves = [tensor.to(dtype).requires_grad_() for tensor in inputs]
            out = function(LAYOUTS[layouts[0]](leaves[0]), *leaves[1:], act=act, pad=pad)
            return torch.autograd.grad(out, leaves, weight.to(dtype))

        fused = gradients(lambda *a, **k: instance_norm_act(*a, **k, impl="fused"), torch.float32)
        reference = gradients(lambda *a, **k: instance_norm_act(*a, **k, impl="reference"), torch.float32)
        for got, plain, expected in zip(fused, reference, gradients(formula, torch.float64), strict=True):
            assert relative_error(got, expected) < 5e-6
            assert relative_error(plain, expected) < 5e-6

    def test_a_gradient_penalty_goes_through(self):
        def penalty(impl):
            leaves = [images(2, 4, 6, 6, seed=3), images(4, seed=1), images(4, seed=2)]
            leaves = [leaf.requires_grad_() for leaf in leaves]
            out = instance_norm_act(*leaves, act="leaky_relu", pad=1, impl=impl)
            slope = torch.autograd.grad(out.square().sum(), leaves[0], create_graph=True)[0]
            (slope.flatten(1).norm(dim=1) - 1).square().sum().backward()
            return [leaf.grad for leaf in leaves]

        for fused, reference in zip(penalty("fused"), penalty("reference"), strict=True):
            torch.testing.assert_close(fused, reference, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_gradcheck_of_first_and_second_order(act):
    inputs = [
        images(1, 2, 3, 4, dtype=torch.float64, seed=3),
        *(images(2, dtype=torch.float64, seed=s) for s in (1, 2)),
    ]
    leaves = [leaf.requires_grad_() for leaf in inputs]

    def call(x, weight, bias):
        return instance_norm_act(x, weight, bias, act=act, pad=1)

    assert torch.autograd.gradcheck(call, leaves)
    assert torch.autograd.gradgradcheck(call, leaves)


def test_no_images_give_no_images_by_the_reference():
    assert instance_norm_act(torch.empty(0, 4, 6, 6), pad=2, impl="reference").shape == (0, 4, 10, 10)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"x": torch.zeros(1, 4, 8, 8, dtype=torch.complex64)},
            TypeError,
            "x must be float16, .*; got torch.complex64",
        ),
        ({"x": torch.zeros(4, 8, 8)}, ValueError, r"x must have shape \[N, C, H, W\]; got \[4, 8, 8\]"),
        (
            {"x": torch.zeros(2, 4, 1, 1)},
            ValueError,
            r"more than one value a plane to be normalised; got \[2, 4, 1, 1\]",
        ),
        ({"weight": torch.ones(4)}, ValueError, "must be given together; got weight without bias"),
        ({"weight": torch.ones(3), "bias": torch.ones(3)}, ValueError, r"weight must have shape \[4\] .*; got \[3\]"),
        ({"act": "tanh"}, ValueError, "act must be one of 'none', 'relu', 'leaky_relu'; got 'tanh'"),
        ({"pad": -1}, ValueError, "pad must be at least 0; got -1"),
        ({"pad": 8}, ValueError, "pad must be less than height and width of x to reflect it; got 8 for 8x8"),
        ({"pad": 1.0}, TypeError, "pad must be an integer; got 1.0"),
        ({"eps": float("nan")}, ValueError, "eps must be at least 0; got nan"),
        ({"impl": "native"}, ValueError, "impl must be one of"),
    ],
)
def test_wrong_arguments_are_named(change, error, message):
    with pytest.raises(error, match=message):
        instance_norm_act(**({"x": torch.zeros(1, 4, 8, 8)} | change))
