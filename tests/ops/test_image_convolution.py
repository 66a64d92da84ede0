"""The convolution between an image and features: values, gradients and what PyTorch does to it, in both directions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call, vmap

from i2i.ops import ImageConvolution, image_convolution

from ..helpers.examples import examples
from .blocks import LAYOUTS, images, relative_error

FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
DIRECTIONS = {"expand": (3, 32), "reduce": (32, 3)}
"""Channels in and out."""
each_direction = pytest.mark.parametrize("channels", DIRECTIONS.values(), ids=DIRECTIONS)
each_format = pytest.mark.parametrize("memory_format", FORMATS.values(), ids=FORMATS)


def parameters(channels, kernel=3, dtype=torch.float32):
    """Weight and bias for these numbers of channels."""
    few, many = channels
    weight = images(many, few, kernel, kernel, seed=1, dtype=torch.float64) / (few * kernel**2) ** 0.5
    return weight.to(dtype), images(many, dtype=dtype, seed=2)


def step(function, x, weight, bias, factors):
    """The output, and the gradients of its sum with these factors."""
    leaves = [tensor.detach().requires_grad_() for tensor in (x, weight, bias) if tensor is not None]
    out = function(*leaves)
    return [out.detach(), *torch.autograd.grad(out, leaves, factors.to(out.dtype))]


def fused(x, weight, bias=None):
    return image_convolution(x, weight, bias, impl="fused")


def check_against_float64(x, weight, bias):
    shape = [x.shape[0], weight.shape[0], *(size - weight.shape[2] + 1 for size in x.shape[2:])]
    factors = images(*shape, seed=3)
    wide = [None if tensor is None else tensor.double() for tensor in (x, weight, bias)]
    found, correct = step(fused, x, weight, bias, factors), step(F.conv2d, *wide, factors)
    sizes = step(F.conv2d, *(None if tensor is None else tensor.abs() for tensor in wide), factors.abs())
    for name, got, expected, size in zip(("out", "x", "weight", "bias"), found, correct, sizes, strict=False):
        assert got.shape == expected.shape
        assert got.dtype == torch.float32
        # Of the sum of the absolute values: terms may cancel each other, their rounding errors do not.
        assert (got - expected).norm() <= 5e-7 * size.norm(), name
    return found[0]


@pytest.mark.usefixtures("native")
class TestFused:
    @settings(max_examples=examples(60), deadline=None)
    @given(
        batch=st.integers(1, 3),
        few=st.integers(1, 4),
        many=st.sampled_from([16, 32, 48, 80]),
        kernel=st.integers(1, 7),
        spare=st.tuples(st.integers(0, 9), st.integers(0, 20)),
        expands=st.booleans(),
        with_bias=st.booleans(),
        layout=st.sampled_from(sorted(LAYOUTS)),
    )
    def test_any_size_and_layout_gives_values_and_gradients_of_float64(
        self, batch, few, many, kernel, spare, expands, with_bias, layout
    ):
        channels = (few, many) if expands else (many, few)
        x = LAYOUTS[layout](images(batch, channels[0], kernel + spare[0], kernel + spare[1]))
        weight, bias = parameters(channels, kernel)
        got = check_against_float64(x, weight, bias if with_bias else None)
        channels_last = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
        assert got.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)

    @pytest.mark.parametrize("kernel", range(1, 8))
    @each_direction
    @each_format
    def test_an_image_as_large_as_the_kernel_gives_one_pixel(self, channels, kernel, memory_format):
        x = images(2, channels[0], kernel, kernel).contiguous(memory_format=memory_format)
        assert check_against_float64(x, *parameters(channels, kernel)).shape == (2, channels[1], 1, 1)

    @pytest.mark.parametrize("kernel", [1, 7])
    @each_direction
    def test_weights_of_any_strides_are_read_as_they_are_meant(self, channels, kernel):
        weight, bias = parameters(channels, kernel)
        check_against_float64(images(1, channels[0], 12, 9), LAYOUTS["channels_last"](weight), bias)
        check_against_float64(images(1, channels[0], 12, 9), LAYOUTS["transposed"](weight), bias)

    @each_direction
    @each_format
    def test_no_images_give_no_images_and_no_gradients(self, channels, memory_format):
        x = torch.empty(0, channels[0], 9, 8).contiguous(memory_format=memory_format)
        weight, bias = parameters(channels)
        out, dx, dweight, dbias = step(fused, x, weight, bias, torch.empty(0, channels[1], 7, 6))
        assert out.shape == (0, channels[1], 7, 6)
        assert dx.shape == x.shape
        assert dweight.shape == weight.shape
        assert not dweight.any()
        assert not dbias.any()

    @each_direction
    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_what_is_not_finite_reaches_the_pixels_whose_window_holds_it(self, channels, value):
        x, (weight, bias) = images(2, channels[0], 9, 40), parameters(channels)
        x[1, 1, 4, 17] = value
        got, expected = fused(x, weight, bias), F.conv2d(x, weight, bias)
        assert torch.equal(got.isfinite(), expected.isfinite())
        assert torch.equal(got.isnan(), expected.isnan())

    @each_direction
    @each_format
    def test_every_number_of_threads_gives_the_same_bits(self, channels, memory_format):
        x = images(2, channels[0], 33, 29).contiguous(memory_format=memory_format)
        factors = images(2, channels[1], 27, 23, seed=3)

        def bits(threads):
            torch.set_num_threads(threads)
            return step(fused, x, *parameters(channels, 7), factors)

        first = bits(1)
        for threads in (2, 3):
            assert all(torch.equal(one, other) for one, other in zip(first, bits(threads), strict=True)), threads

    @each_direction
    def test_only_the_gradients_that_are_asked_for_are_computed(self, channels):
        x, (weight, bias), factors = images(1, channels[0], 8, 8), parameters(channels), images(1, channels[1], 6, 6)
        everything = step(fused, x, weight, bias, factors)[1:]
        for place in range(3):
            leaves = [tensor.clone().requires_grad_(place == at) for at, tensor in enumerate((x, weight, bias))]
            fused(*leaves).backward(factors)
            for at, leaf in enumerate(leaves):
                assert leaf.grad is None if at != place else torch.equal(leaf.grad, everything[place])

    @each_direction
    def test_double_backward_is_that_of_the_reference(self, channels):
        def penalty(function):
            leaves = [
                images(2, channels[0], 6, 7).requires_grad_(),
                *(p.requires_grad_() for p in parameters(channels)),
            ]
            slopes = torch.autograd.grad(function(*leaves).pow(3).sum(), leaves, create_graph=True)
            sum(slope.square().sum() for slope in slopes).backward()
            return [leaf.grad for leaf in leaves]

        for got, expected in zip(penalty(fused), penalty(F.conv2d), strict=True):
            assert relative_error(got, expected) < 1e-5


@pytest.mark.parametrize("channels", [(2, 16), (16, 2)], ids=DIRECTIONS)
def test_gradcheck_of_first_and_second_order_in_float64(channels):
    x = images(1, channels[0], 3, 4, dtype=torch.float64).requires_grad_()
    leaves = (x, *(parameter.requires_grad_() for parameter in parameters(channels, 2, torch.float64)))
    assert torch.autograd.gradcheck(image_convolution, leaves)
    assert torch.autograd.gradgradcheck(image_convolution, leaves)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("parameter_dtype", [torch.float32, None], ids=["float32", "same"])
@each_format
def test_the_reference_takes_less_precision_beside_float32_parameters(dtype, parameter_dtype, memory_format):
    x = images(1, 3, 9, 8, dtype=dtype).contiguous(memory_format=memory_format).requires_grad_()
    weight, bias = (p.requires_grad_() for p in parameters((3, 16), dtype=parameter_dtype or dtype))
    got = image_convolution(x, weight, bias)
    got.float().square().sum().backward()
    assert got.dtype == x.grad.dtype == dtype
    assert weight.grad.dtype == bias.grad.dtype == (parameter_dtype or dtype)
    assert got.is_contiguous(memory_format=memory_format)
    bound = 2e-3 if dtype == torch.float16 else 1.5e-2
    expected = F.conv2d(x.double(), weight.double(), bias.double())
    assert relative_error(got.detach(), expected.detach()) < bound


@pytest.mark.usefixtures("native")
class TestTransforms:
    @each_direction
    @each_format
    @pytest.mark.parametrize("with_bias", [False, True])
    @pytest.mark.parametrize("requires_grad", [False, True])
    def test_opcheck_of_the_forward(self, channels, memory_format, with_bias, requires_grad):
        x = images(2, channels[0], 9, 8).contiguous(memory_format=memory_format).requires_grad_(requires_grad)
        weight, bias = (parameter.requires_grad_(requires_grad) for parameter in parameters(channels))
        arguments = (x, weight, bias if with_bias else None)
        torch.library.opcheck(torch.ops.i2i.image_convolution.default, arguments, atol=1e-4, rtol=1e-3)

    @each_direction
    @each_format
    @pytest.mark.parametrize("needed", [(True, True), (True, False), (False, True), (False, False)], ids=str)
    def test_opcheck_of_the_backward(self, channels, memory_format, needed):
        x = images(2, channels[0], 9, 8).contiguous(memory_format=memory_format)
        gradient = images(2, channels[1], 7, 6, seed=3).contiguous(memory_format=memory_format)
        arguments = (gradient, x, parameters(channels)[0], *needed)
        torch.library.opcheck(torch.ops.i2i.image_convolution_backward.default, arguments, atol=1e-4, rtol=1e-3)

    @each_direction
    @each_format
    def test_compile_without_graph_breaks_gives_the_same_bits(self, channels, memory_format):
        torch._dynamo.reset()
        module = ImageConvolution(*channels, 3, impl="fused")
        compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
        for size in ((9, 8), (7, 12), (11, 5)):  # from the second on with dynamic sizes
            x = images(2, channels[0], *size).contiguous(memory_format=memory_format)
            got, expected = (
                step(lambda x, *_, call=call: call(x), x, None, None, torch.ones(()).expand_as(module(x)))
                for call in (compiled, module)
            )
            assert got[0].stride() == expected[0].stride()
            assert all(torch.equal(one, other) for one, other in zip(got, expected, strict=True))

    @each_direction
    def test_vmap_over_images_folds_them_into_the_batch(self, channels):
        x, (weight, bias) = images(3, 2, channels[0], 9, 8), parameters(channels)
        got = vmap(fused, in_dims=(2, None, None), out_dims=1)(x.movedim(0, 2), weight, bias)
        torch.testing.assert_close(got.movedim(1, 0), torch.stack([fused(one, weight, bias) for one in x]))

    @each_direction
    @pytest.mark.parametrize("impl", ["fused", "reference"])
    def test_vmap_over_weights_makes_an_ensemble(self, channels, impl):
        modules = [ImageConvolution(*channels, 3, impl=impl) for _ in range(3)]
        stacked = {
            name: torch.stack([module.get_parameter(name).detach() for module in modules])
            for name in ("weight", "bias")
        }
        x = images(2, channels[0], 9, 8)
        got = vmap(lambda named: functional_call(modules[0], named, (x,)))(stacked)
        torch.testing.assert_close(got, torch.stack([module(x).detach() for module in modules]))

    @each_direction
    @pytest.mark.parametrize("needed", [(True, False), (True, True), (False, True)], ids=str)
    def test_vmap_of_the_backward_keeps_samples_apart(self, channels, needed):
        x, (weight, _) = images(3, 2, channels[0], 9, 8), parameters(channels)
        gradient = images(3, 2, channels[1], 7, 6, seed=3)

        def backward(gradient, x):
            found = torch.ops.i2i.image_convolution_backward(gradient, x, weight, *needed)
            return tuple(one for one, need in zip(found, needed, strict=True) if need)

        got = vmap(backward)(gradient, x)
        for place in range(3):
            for found, expected in zip(got, backward(gradient[place], x[place]), strict=True):
                torch.testing.assert_close(found[place], expected)


@each_direction
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_module_computes_under_autocast_in_its_precision_as_torch_does(channels, dtype):
    ours, plain = ImageConvolution(*channels, 3), nn.Conv2d(*channels, 3)
    plain.load_state_dict(ours.state_dict())
    x = images(1, channels[0], 9, 8, dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16):
        got, expected = ours(x), plain(x)
    assert got.dtype == torch.bfloat16
    assert torch.equal(got, expected)
    got.float().sum().backward()
    assert ours.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("impl", ["auto", "reference"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_function_gives_the_dtype_of_its_input_under_autocast(dtype, impl):
    x, (weight, bias) = images(1, 3, 9, 8, dtype=dtype), parameters((3, 16))
    with torch.autocast("cpu", torch.bfloat16):
        got = image_convolution(x, weight, bias, impl=impl)
    assert got.dtype == dtype
    assert relative_error(got, F.conv2d(x.double(), weight.double(), bias.double())) < 1.5e-2


@each_direction
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kernel", [3, 7])
def test_checkpoints_are_exchanged_with_the_plain_convolution(channels, bias, kernel):
    ours, plain = ImageConvolution(*channels, kernel, bias=bias), nn.Conv2d(*channels, kernel, bias=bias)
    x = images(2, channels[0], 12, 11)
    assert list(ours.state_dict()) == list(plain.state_dict())
    plain.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(x), plain(x), rtol=1e-4, atol=1e-5)
    fresh = nn.Conv2d(*channels, kernel, bias=bias)
    ours.load_state_dict(fresh.state_dict())
    torch.testing.assert_close(ours(x), fresh(x), rtol=1e-4, atol=1e-5)


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("channels", [(5, 16), (16, 5), (3, 20), (20, 3), (3, 4)], ids=str)
def test_other_channels_take_the_reference_and_say_so(channels):
    x, (weight, bias) = images(1, channels[0], 6, 6), parameters(channels)
    torch.testing.assert_close(image_convolution(x, weight, bias), F.conv2d(x, weight, bias))
    told = (
        "image_convolution cannot run fused: its kernels connect 1 to 4 channels with a multiple of 16, "
        f"not {channels[0]} with {channels[1]}; impl='auto' takes the reference instead"
    )
    with pytest.raises(RuntimeError, match=told):
        fused(x, weight, bias)


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_dtypes_cannot_run_fused(dtype):
    told = f"the kernels for cpu compute float32, not {str(dtype).removeprefix('torch.')}; impl='auto'"
    with pytest.raises(RuntimeError, match=told):
        fused(images(1, 3, 6, 6, dtype=dtype), *parameters((3, 16), dtype=dtype))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": [1]}, TypeError, "x must be a tensor; got list"),
        ({"x": torch.zeros(1, 3, 8, 8, dtype=torch.uint8)}, TypeError, r"x must be float16, .*; got torch\.uint8"),
        ({"x": torch.zeros(3, 8, 8)}, ValueError, r"x must have shape \[N, C, H, W\]; got \[3, 8, 8\]"),
        ({"x": torch.zeros(1, 3, 2, 8)}, ValueError, r"at least as large as the kernel of 3; got \[1, 3, 2, 8\]"),
        ({"x": torch.zeros(1, 3, 8, 2)}, ValueError, r"at least as large as the kernel of 3; got \[1, 3, 8, 2\]"),
        ({"weight": None}, TypeError, "weight must be a tensor; got NoneType"),
        (
            {"weight": torch.zeros(16, 4, 3, 3)},
            ValueError,
            r"weight must have shape \[K, 3, k, k\] for x with 3 channels; got \[16, 4, 3, 3\]",
        ),
        ({"weight": torch.zeros(16, 3, 3, 5)}, ValueError, r"weight must have shape .*; got \[16, 3, 3, 5\]"),
        ({"weight": torch.zeros(16, 3, 3)}, ValueError, r"weight must have shape .*; got \[16, 3, 3\]"),
        (
            {"weight": torch.zeros(16, 3, 0, 0)},
            ValueError,
            r"weight must have a kernel of at least 1x1; got \[16, 3, 0, 0\]",
        ),
        (
            {"weight": torch.zeros(16, 3, 3, 3, dtype=torch.float64)},
            TypeError,
            r"weight must have dtype torch\.float32, the dtype of x; got torch\.float64",
        ),
        ({"weight": torch.zeros(16, 3, 3, 3, device="meta")}, ValueError, "weight must be on cpu, .*; got meta"),
        ({"bias": torch.zeros(15)}, ValueError, r"bias must have shape \[16\] .*; got \[15\]"),
        ({"bias": torch.zeros(16, dtype=torch.bfloat16)}, TypeError, r"bias must have dtype .*; got torch\.bfloat16"),
        ({"impl": "fast"}, ValueError, "impl must be one of 'auto', 'fused', 'reference'; got 'fast'"),
    ],
)
def test_wrong_arguments_are_named(change, error, message):
    weight, bias = parameters((3, 16))
    with pytest.raises(error, match=message):
        image_convolution(**({"x": torch.zeros(1, 3, 8, 8), "weight": weight, "bias": bias} | change))


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize(
    ("x", "weight", "message"),
    [
        (torch.zeros(1, 3, 8, 8).double(), torch.zeros(16, 3, 3, 3), "x must be float32"),
        (torch.zeros(1, 3, 8, 8), torch.zeros(16, 4, 3, 3), "weight must have shape"),
        (torch.zeros(1, 3, 8, 8), torch.zeros(20, 3, 3, 3), "weight must have 1 to 4 channels on one side"),
        (torch.zeros(1, 3, 2, 8), torch.zeros(16, 3, 3, 3), "x must be at least as large as the kernel of 3"),
    ],
)
def test_the_native_operators_check_for_themselves(x, weight, message):
    """They can be called without the function in front of them, as an exported program does."""
    with pytest.raises(RuntimeError, match=message):
        torch.ops.i2i.image_convolution(x, weight, None)
    with pytest.raises(RuntimeError, match=message):
        torch.ops.i2i.image_convolution_backward(torch.zeros(1, 16, 6, 6), x, weight, True, True)


def test_settings_are_shown_and_checked():
    assert repr(ImageConvolution(3, 16, 7)) == "ImageConvolution(3, 16, kernel_size=(7, 7), stride=(1, 1), impl='auto')"
    with pytest.raises(ValueError, match="impl must be one of"):
        ImageConvolution(3, 16, 7, impl="cuda")
