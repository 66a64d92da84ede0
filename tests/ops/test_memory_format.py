"""The order in memory that results are given in."""

import pytest
import torch

from i2i.ops.memory_format import (
    empty_gradient_of,
    empty_in_layout_of,
    empty_norm_outputs,
    in_layout_of,
    memory_format_of,
)

from .blocks import LAYOUTS, images

LAST = torch.channels_last


@pytest.mark.parametrize("layout", LAYOUTS)
def test_channels_last_stays_and_everything_else_is_contiguous(layout):
    x = LAYOUTS[layout](images(2, 3, 4, 5))
    expected = LAST if layout == "channels_last" else torch.contiguous_format
    assert memory_format_of(x) == expected
    for made in (in_layout_of(x, images(2, 6, 8, 8)), empty_in_layout_of(x, [2, 6, 8, 8])):
        assert made.is_contiguous(memory_format=expected)


@pytest.mark.parametrize("shape", [(2, 1, 4, 5), (2, 3, 1, 1)])
def test_what_is_both_counts_as_contiguous(shape):
    assert memory_format_of(images(*shape).contiguous(memory_format=LAST)) == torch.contiguous_format


def test_no_copy_is_made_of_what_lies_right():
    x = images(1, 3, 4, 4).contiguous(memory_format=LAST)
    other = images(1, 3, 4, 4, seed=1).contiguous(memory_format=LAST)
    assert in_layout_of(x, other).data_ptr() == other.data_ptr()
    assert in_layout_of(x, other.contiguous()).data_ptr() != other.data_ptr()


def test_outputs_of_a_norm_are_padded_planes_and_statistics_in_float32():
    out, mean, rstd = empty_norm_outputs(images(2, 3, 4, 5, dtype=torch.bfloat16), pad=2)
    assert (out.shape, out.dtype) == ((2, 3, 8, 9), torch.bfloat16)
    assert mean.shape == rstd.shape == (2, 3)
    assert mean.dtype == rstd.dtype == torch.float32


def test_a_gradient_is_as_its_parameter_or_has_no_elements():
    x, weight = images(1, 3, 4, 4, dtype=torch.bfloat16), images(3)
    assert (empty_gradient_of(weight, x).shape, empty_gradient_of(weight, x).dtype) == ((3,), torch.float32)
    assert empty_gradient_of(None, x).shape == (0,)
