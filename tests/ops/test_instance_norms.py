"""What holds for both instance norms: the reference against a formula, the fused one against both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from i2i.ops import instance_norm_act, instance_norm_add

from ..helpers.examples import examples
from .blocks import LAYOUTS, images, normalised, reflected, relative_error

SLOPE = 0.3
"""Of the leaky ReLU, another one than the operator's own."""
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda x: x,
    "relu": lambda x: x.clamp(min=0),
    "leaky_relu": lambda x: torch.where(x > 0, x, SLOPE * x),
}


@dataclass(frozen=True)
class Norm:
    """An operator with its options, and what it means: ``after`` comes between normalising and padding.

    Attributes:
        name: shown by pytest.
        operator: takes the images, weight, bias, and by name the options, ``pad`` and ``impl``.
        images: how many it takes.
        after: of the normalised first image and the other images.
        options: handed to the operator.
    """

    name: str
    operator: Callable[..., Tensor]
    images: int
    after: Callable[..., Tensor]
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def __call__(self, *tensors: Tensor | None, pad: int = 0, impl: str = "auto") -> Tensor:
        return self.operator(*tensors, **self.options, pad=pad, impl=impl)

    def formula(self, *tensors: Tensor | None, pad: int = 0) -> Tensor:
        """The same in float64."""
        x, *rest = (tensor if tensor is None else tensor.double() for tensor in tensors)
        others, affine = rest[: self.images - 1], rest[self.images - 1 :]
        return reflected(self.after(normalised(x, *affine), *others), pad)


NORMS = [
    *(
        Norm(f"act {act}", instance_norm_act, 1, after, {"act": act, "negative_slope": SLOPE})
        for act, after in ACTIVATIONS.items()
    ),
    Norm("add", instance_norm_add, 2, torch.add),
]
each_norm = pytest.mark.parametrize("norm", NORMS, ids=str)
one_of_each = pytest.mark.parametrize("norm", NORMS[-2:], ids=str)  # leaky ReLU and the sum


def inputs_of(norm: Norm, *shape: int, affine: bool = True, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """The images, then scale and shift."""
    made = [images(*shape, dtype=dtype, seed=seed) for seed in (3, 4)[: norm.images]]
    return made + [images(shape[1], dtype=dtype, seed=seed) for seed in ((1, 2) if affine else ())]


@each_norm
@pytest.mark.parametrize("pad", [0, 3])
@pytest.mark.parametrize("affine", [False, True])
def test_the_reference_is_the_formula(norm, pad, affine):
    inputs = inputs_of(norm, 2, 3, 5, 7, affine=affine, dtype=torch.float64)
    torch.testing.assert_close(norm(*inputs, pad=pad), norm.formula(*inputs, pad=pad), rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("native")
class TestFused:
    @settings(max_examples=examples(120), deadline=None)
    @given(
        norm=st.sampled_from(NORMS),
        batch=st.integers(1, 3),
        channels=st.integers(1, 37),
        height=st.integers(1, 21),
        width=st.integers(2, 21),
        pad=st.integers(0, 3),
        layouts=st.tuples(*[st.sampled_from(sorted(LAYOUTS))] * 2),
        affine=st.booleans(),
        dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    )
    def test_any_size_and_layout_gives_the_formula(
        self, norm, batch, channels, height, width, pad, layouts, affine, dtype
    ):
        pad = min(pad, height - 1, width - 1)
        own = [
            LAYOUTS[layout](images(batch, channels, height, width, dtype=dtype, seed=seed))
            for layout, seed in zip(layouts, (3, 4), strict=True)
        ][: norm.images]
        inputs = [*own, *(images(channels, seed=seed) if affine else None for seed in (1, 2))]
        got = norm(*inputs, pad=pad, impl="fused")
        assert got.dtype == dtype
        # Two values can lie so near to each other that their own rounding decides the result.
        exact = 3e-4 if dtype == torch.float32 else 2e-2
        torch.testing.assert_close(got.double(), norm.formula(*inputs, pad=pad), rtol=exact, atol=exact)
        channels_last = layouts[0] == "channels_last" and not own[0].is_contiguous()
        assert got.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)

    @one_of_each
    @pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
    def test_a_mean_far_from_zero_leaves_the_statistics_right(self, norm, layout):
        x, *others = inputs_of(norm, 1, 16, 64, 64, affine=False)
        given = [LAYOUTS[layout](x + 1e4), *others]
        assert relative_error(norm(*given, impl="fused"), norm.formula(*given)) < 1e-4

    @each_norm
    @pytest.mark.parametrize("layout", ["contiguous", "channels_last"])
    def test_nan_of_any_input_stays_where_the_reference_has_it(self, norm, layout):
        given = inputs_of(norm, 2, 16, 4, 8, affine=False)
        given[0][1, 3, 2, 2] = torch.nan
        given[-1][0, 1, 1, 1] = torch.nan
        given = [LAYOUTS[layout](tensor) for tensor in given]
        got = norm(*given, pad=1, impl="fused")
        assert got[1, 3].isnan().all()
        assert torch.equal(got.isnan(), norm(*given, pad=1, impl="reference").isnan())

    @one_of_each
    def test_an_expanded_input_is_read_as_it_is_seen(self, norm):
        given = [tensor.expand(2, 3, 6, 6) for tensor in inputs_of(norm, 1, 1, 6, 6, affine=False)]
        torch.testing.assert_close(norm(*given, impl="fused").double(), norm.formula(*given))

    @one_of_each
    @pytest.mark.parametrize("impl", ["fused", "reference"])
    def test_no_images_give_no_images(self, norm, impl):
        given = [torch.empty(0, 4, 6, 6, requires_grad=True) for _ in range(norm.images)]
        out = norm(*given, pad=2, impl=impl)
        out.sum().backward()
        assert out.shape == (0, 4, 10, 10)
        assert [each.grad.shape for each in given] == [each.shape for each in given]

    @one_of_each
    def test_every_number_of_threads_gives_the_same_bits(self, norm):
        def step():
            own = [tensor.requires_grad_() for tensor in inputs_of(norm, 2, 16, 40, 30)]
            out = norm(*own, pad=1, impl="fused")
            out.square().sum().backward()
            return out, *(each.grad for each in own)

        first = step()
        torch.set_num_threads(3)
        assert all(torch.equal(one, three) for one, three in zip(first, step(), strict=True))

    @each_norm
    @pytest.mark.parametrize("pad", [0, 2])
    @pytest.mark.parametrize("affine", [False, True])
    @pytest.mark.parametrize("layouts", [("contiguous",) * 2, ("channels_last",) * 2, ("contiguous", "channels_last")])
    def test_gradients_are_those_of_the_formula(self, norm, pad, affine, layouts):
        own = [images(1, 5, 6, 7, seed=seed) for seed in (11, 13)[: norm.images]]
        inputs = [*own, *(images(5, seed=seed) for seed in ((1, 2) if affine else ()))]
        weight = LAYOUTS[layouts[1]](images(1, 5, 6 + 2 * pad, 7 + 2 * pad, seed=12))
        affine64 = (tensor.double() for tensor in inputs[norm.images :])
        assert normalised(inputs[0].double(), *affine64).abs().min() > 1e-5  # no sign hangs on rounding

        def gradients(function, dtype, **more):
            leaves = [tensor.to(dtype).requires_grad_() for tensor in inputs]
            out = function(LAYOUTS[layouts[0]](leaves[0]), *leaves[1:], pad=pad, **more)
            return torch.autograd.grad(out, leaves, weight.to(dtype))

        fused, reference = (gradients(norm, torch.float32, impl=impl) for impl in ("fused", "reference"))
        for got, plain, expected in zip(fused, reference, gradients(norm.formula, torch.float64), strict=True):
            assert relative_error(got, expected) < 5e-6
            assert relative_error(plain, expected) < 5e-6

    @one_of_each
    @pytest.mark.parametrize("affine", [False, True])
    def test_a_gradient_penalty_goes_through(self, norm, affine):
        def penalty(impl, penalised):
            leaves = [leaf.requires_grad_() for leaf in inputs_of(norm, 2, 4, 6, 6, affine=affine)]
            out = norm(*leaves, pad=1, impl=impl)
            slope = torch.autograd.grad(out.square().sum(), leaves[penalised], create_graph=True)[0]
            (slope.flatten(1).norm(dim=1) - 1).square().sum().backward()
            return [leaf.grad for leaf in leaves]

        for penalised in range(norm.images):
            for fused, reference in zip(penalty("fused", penalised), penalty("reference", penalised), strict=True):
                torch.testing.assert_close(fused, reference, rtol=1e-3, atol=1e-3)


@each_norm
def test_gradcheck_of_first_and_second_order(norm):
    leaves = [leaf.requires_grad_() for leaf in inputs_of(norm, 1, 2, 3, 4, dtype=torch.float64)]

    def call(*tensors):
        return norm(*tensors, pad=1)

    assert torch.autograd.gradcheck(call, leaves)
    assert torch.autograd.gradgradcheck(call, leaves)


@one_of_each
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"dtype": torch.complex64}, TypeError, "x must be float16, .*; got torch.complex64"),
        ({"shape": (4, 8, 8)}, ValueError, r"x must have shape \[N, C, H, W\]; got \[4, 8, 8\]"),
        ({"shape": (2, 4, 1, 1)}, ValueError, r"more than one value a plane to be normalised; got \[2, 4, 1, 1\]"),
        ({"weight": torch.ones(4)}, ValueError, "must be given together; got weight without bias"),
        ({"bias": torch.ones(4)}, ValueError, "must be given together; got bias without weight"),
        ({"weight": torch.ones(3), "bias": torch.ones(3)}, ValueError, r"weight must have shape \[4\] .*; got \[3\]"),
        ({"pad": -1}, ValueError, "pad must be at least 0; got -1"),
        ({"pad": 8}, ValueError, "pad must be less than height and width of x to reflect it; got 8 for 8x8"),
        ({"pad": 1.0}, TypeError, "pad must be an integer; got 1.0"),
        ({"eps": float("nan")}, ValueError, "eps must be at least 0; got nan"),
        ({"impl": "native"}, ValueError, "impl must be one of"),
    ],
)
def test_wrong_arguments_are_named(norm, change, error, message):
    shape, dtype = change.get("shape", (1, 4, 8, 8)), change.get("dtype", torch.float32)
    own = [torch.zeros(shape, dtype=dtype) for _ in range(norm.images)]
    named = {name: value for name, value in change.items() if name not in ("shape", "dtype")}
    with pytest.raises(error, match=message):
        norm.operator(*own, **named)
