"""Any rectangle of an operation's output, computed from the rectangle of its input that it asks for."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from i2i.translation.tiles.boxes import Box, Extent, Span
from i2i.translation.tiles.operations import (
    BilinearUpsampling,
    Convolution,
    ConvolutionTranspose,
    NearestUpsampling,
    Normalization,
    Padding,
)

from ...helpers.examples import examples

EXAMPLES = settings(max_examples=examples(80), deadline=None)
sizes = st.integers(4, 20)
pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
kernels = st.tuples(st.integers(1, 4), st.integers(1, 4))


@st.composite
def spans(draw, size):
    start = draw(st.integers(0, size - 1))
    return Span(start, draw(st.integers(start + 1, size)))


def check(draw, operation, image, expected):
    check_box(Box(*(draw(spans(size)) for size in expected.shape[2:])), operation, image, expected)


def check_box(box, operation, image, expected):
    extent = Extent(*image.shape[1:])
    (needed,) = operation.needs(box, [extent])
    for span, size in zip(needed, extent[1:], strict=True):
        assert 0 <= span.start <= span.stop <= size
    part = image[:, :, slice(*needed.rows), slice(*needed.columns)].clone()
    before = part.clone()
    result = operation.compute(box, [extent], [part])
    assert torch.equal(part, before), "what was read is left as it is"
    torch.testing.assert_close(result, expected[:, :, slice(*box.rows), slice(*box.columns)], rtol=1e-10, atol=1e-10)


def noise(*shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@st.composite
def convolutions(draw):
    """Arguments of ``conv2d`` whose padded input is as large as the kernel reaches: with less, there is no output."""
    kernel, stride, dilation = draw(kernels), draw(pairs), draw(pairs)
    padding = draw(st.tuples(st.integers(0, 4), st.integers(0, 4)))
    reach = (step * (side - 1) + 1 for side, step in zip(kernel, dilation, strict=True))
    size = tuple(draw(st.integers(max(4, far - 2 * pad), 20)) for far, pad in zip(reach, padding, strict=True))
    return size, kernel, stride, padding, dilation, draw(st.sampled_from([1, 2]))


@EXAMPLES
@given(convolutions(), st.data())
def test_convolution(arguments, data):
    size, kernel, stride, padding, dilation, groups = arguments
    image, weight, bias = noise(1, 4, *size), noise(6, 4 // groups, *kernel), noise(6)
    operation = Convolution(weight, bias, stride, padding, dilation, groups)
    check(data.draw, operation, image, F.conv2d(image, weight, bias, stride, padding, dilation, groups))


@st.composite
def transposed_convolutions(draw):
    """Arguments of ``conv_transpose2d`` whose output has at least one pixel: PyTorch refuses those of an empty one."""
    kernel, stride, dilation = draw(kernels), draw(pairs), draw(pairs)
    more = tuple(draw(st.integers(0, max(both) - 1)) for both in zip(stride, dilation, strict=True))
    size, padding = draw(st.tuples(sizes, sizes)), []
    for along, side, step, spread, added in zip(size, kernel, stride, dilation, more, strict=True):
        unpadded = (along - 1) * step + spread * (side - 1) + added + 1
        padding.append(draw(st.integers(0, min(2, (unpadded - 1) // 2))))
    return size, kernel, stride, tuple(padding), dilation, more, draw(st.sampled_from([1, 2]))


@EXAMPLES
@given(transposed_convolutions(), st.booleans(), st.data())
def test_transposed_convolution(arguments, biased, data):
    size, kernel, stride, padding, dilation, more, groups = arguments
    image, weight = noise(1, 4, *size), noise(4, 3, *kernel)
    bias = noise(3 * groups) if biased else None
    expected = F.conv_transpose2d(image, weight, bias, stride, padding, more, groups, dilation)
    check(data.draw, ConvolutionTranspose(weight, bias, stride, padding, dilation, groups), image, expected)


def test_a_transposed_convolution_may_give_a_single_pixel():
    """The smallest output there is: one pixel more of padding, and PyTorch refuses the layer."""
    image, weight = noise(1, 4, 5, 5), noise(4, 3, 1, 1)
    operation = ConvolutionTranspose(weight, None, stride=(1, 1), padding=(2, 2), dilation=(1, 1), groups=1)
    check_box(Box(Span(0, 1), Span(0, 1)), operation, image, F.conv_transpose2d(image, weight, padding=2))


@EXAMPLES
@given(st.data(), sizes, sizes, st.sampled_from(["constant", "reflect", "replicate"]))
def test_padding(data, height, width, mode):
    top, bottom, left, right = (data.draw(st.integers(0, 3)) for _ in range(4))
    image = noise(1, 2, height, width)
    expected = F.pad(image, (left, right, top, bottom), mode=mode, **({"value": 7.0} if mode == "constant" else {}))
    check(data.draw, Padding((top, bottom), (left, right), mode, 7.0), image, expected)


@EXAMPLES
@given(st.data(), sizes, sizes, pairs)
def test_nearest_upsampling(data, height, width, factor):
    image = noise(1, 2, height, width)
    check(data.draw, NearestUpsampling(factor), image, F.interpolate(image, scale_factor=factor, mode="nearest"))


@EXAMPLES
@given(st.data(), sizes, sizes, pairs, st.booleans())
def test_bilinear_upsampling(data, height, width, factor, align):
    image = noise(1, 2, height, width)
    expected = F.interpolate(image, scale_factor=factor, mode="bilinear", align_corners=align)
    if align:
        scale = tuple((size - 1) / (size * times - 1) for size, times in zip((height, width), factor, strict=True))
    else:
        scale = tuple(1 / times for times in factor)
    check(data.draw, BilinearUpsampling(scale, align), image, expected)


def test_norm_by_statistics_loses_no_bits_to_a_large_mean():
    image = (noise(1, 4, 32, 32) + 1e4).float()
    exact = image.double()
    variance, mean = torch.var_mean(exact, (0, 2, 3), correction=0)
    expected = F.instance_norm(exact)

    result = Normalization(4, None, None, 1e-5).with_statistics(mean, variance, 4).function(image)

    assert (result - expected).abs().max() < 1e-5
